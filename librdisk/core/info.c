/* SPDX-License-Identifier: BSD-3-Clause */
/* What a store can tell of itself. */
#include "core.h"

/* Callers built against an older header get the fields they know. */
#define COPY_OUT(to, value)                                                       \
  memcpy((char *)(to) + sizeof(size_t), (const char *)&(value) + sizeof(size_t),  \
         ((to)->struct_bytes < sizeof(value) ? (to)->struct_bytes : sizeof(value)) - \
           sizeof(size_t))

void rdisk_core_info(struct rdisk_core *core, struct rdisk_info *info)
{
  struct rdisk_info now = {
    .format_version = core->sb.version,
    .layout = core->sb.layout,
    .block_bytes = core->sb.block_bytes,
    .unit_bytes = core->sb.unit_bytes,
    .size_bytes = core->sb.size_bytes,
    .store_bytes = core->sb.store_bytes,
    .log_bytes = core->sb.log_bytes,
    .created_s = core->sb.created_s,
    .clean = core->was_clean,
    .read_only = core->read_only,
    .replayed = core->replayed,
    .discarded = core->discarded,
    .backend = core->io->ops->name,
  };

  memcpy(now.store_id, core->sb.store_id, sizeof now.store_id);
  memcpy(now.label, core->sb.label, sizeof now.label);
  core_lock(core);
  now.sequence = core->checkpoint;
  now.time_s = core->time_s;
  now.epoch = core->epoch;
  core_unlock(core);
  if (info->struct_bytes > sizeof(size_t))
    COPY_OUT(info, now);
}

/* Some figures are counted without the lock. */
static struct rdisk_stats figures(struct rdisk_core *core)
{
  struct rdisk_stats now;
  uint64_t *to = &now.reads;
  const uint64_t *from = &core->stats.reads;

  for (size_t i = 0; i < (sizeof now - offsetof(struct rdisk_stats, reads)) / 8; i++)
    to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
  return now;
}

void rdisk_core_stats(struct rdisk_core *core, struct rdisk_stats *stats)
{
  struct rdisk_stats now;

  core_lock(core);
  now = figures(core);
  now.dirty_blocks = core->open->dirty.count + core->open->held.count + core->open->others.count;
  now.buffered_bytes = (core->buf_count - core->free_count) * core->sb.unit_bytes;
  now.log_used_bytes = (core->head - core->older.position) * core->sb.atom_bytes;
  now.inline_pending = core->logged.count + core->logged_old.count;
  core_unlock(core);
  if (stats->struct_bytes > sizeof(size_t))
    COPY_OUT(stats, now);
}

int rdisk_core_list(struct rdisk_core *core, rdisk_checkpoint_fn *checkpoint, void *opaque)
{
  struct rdisk_checkpoint_info info = { .struct_bytes = sizeof info };

  core_lock(core);
  info.sequence = core->checkpoint;
  info.time_s = core->time_s;
  core_unlock(core);
  return checkpoint(opaque, &info); /* ab keeps one */
}

/* ---- extents ------------------------------------------------------------------ */

/* The state of the run of units from UNIT on, up to LIMIT. */
static bool run_at(struct rdisk_core *core, uint64_t unit, uint64_t limit, uint64_t *length)
{
  bool data = ab_run(core, unit, limit, length);

  if (data || core->open->held.count == 0)
    return data;
  if (pool_newest(core, unit)) { /* written, but without a place yet */
    *length = 1;
    return true;
  }
  for (uint64_t i = 1; i < *length; i++)
    if (pool_newest(core, unit + i)) {
      *length = i;
      break;
    }
  return false;
}

struct extent {
  uint64_t offset, length;
  bool zero;
};

/* One extent from OFFSET on; holds the lock meanwhile, not while it is told. */
static int next_extent(struct rdisk_core *core, uint64_t end, struct extent *extent)
{
  uint64_t unit_bytes = core->sb.unit_bytes;
  uint64_t unit = extent->offset / unit_bytes, limit = format_divide_up(end, unit_bytes);
  uint64_t length, at = unit;
  int code;

  core_lock(core);
  code = map_load(core, unit, limit - 1, MAP_READ);
  if (!code) {
    extent->zero = !run_at(core, at, limit, &length);
    at += length;
    while (at < limit && run_at(core, at, limit, &length) != extent->zero)
      at += length;
  }
  core_unlock(core);
  extent->length = (at * unit_bytes < end ? at * unit_bytes : end) - extent->offset;
  return code;
}

int rdisk_core_extents(struct rdisk_core *core, uint64_t count, uint64_t offset,
                       rdisk_extent_fn *tell, void *opaque)
{
  struct extent extent = { .offset = offset };
  uint64_t end = offset + count;
  int code = core_range(core, "extents", count, offset);

  while (!code && extent.offset < end) {
    code = next_extent(core, end, &extent);
    if (!code)
      code = tell(opaque, extent.offset, extent.length, extent.zero);
    extent.offset += extent.length;
  }
  return code;
}
