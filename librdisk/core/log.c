/* SPDX-License-Identifier: BSD-3-Clause */
/* The commit log: a ring of records, each vouching for the one before it.
 *
 * Positions count atoms since creation and never repeat, so that a record of an
 * older lap is not taken for a new one.  A record is never split at the ring's
 * end: what does not fit there begins at the next lap's start.  The log is free
 * behind the root in the older slot: either slot and the records after it reach
 * the newest checkpoint.
 */
#include "core.h"

#include "checksum.h"

uint64_t log_offset(const struct rdisk_core *core, uint64_t position)
{
  return core->sb.log_offset + position % core->log_atoms * core->sb.atom_bytes;
}

uint64_t log_fit(const struct rdisk_core *core, uint64_t position, uint32_t atoms)
{
  uint64_t in_lap = position % core->log_atoms;

  return in_lap + atoms > core->log_atoms ? position + core->log_atoms - in_lap : position;
}

/* ---- building a record ------------------------------------------------------- */

static bool is_inline(struct log_build *b, const struct entry *entry, struct buf **buf)
{
  *buf = b->inlined || b->verify ? pool_find(b->core, entry->first, b->interval->number) : NULL;
  return b->inlined && *buf && (*buf)->state == BUF_DIRTY;
}

static void put_last(struct log_build *b)
{
  if (b->last.count == 0)
    return;
  if (b->entries == b->entries_max)
    b->overflow = true;
  else
    record_put_entry(b->core->record, (uint32_t)b->entries++, &b->last);
  b->last.count = 0;
}

static int gather(void *opaque, const struct entry *found)
{
  struct log_build *b = opaque;
  struct entry entry = *found;
  struct buf *buf = NULL;

  if (entry.kind != ENTRY_ZERO) {
    if (is_inline(b, found, &buf))
      entry.kind = ab_home_at_b(b->core, entry.first) ? ENTRY_INLINE_B : ENTRY_INLINE_A;
    else if (b->verify)
      CORE_INVARIANT(buf && buf->state == BUF_WRITTEN);
  }
  if (b->last.count == 0 || b->last.kind != entry.kind ||
      b->last.first + b->last.count != entry.first) {
    put_last(b);
    b->last = (struct entry){ .first = entry.first, .kind = entry.kind };
  }
  b->last.count++;
  if (b->verify && (entry.kind == ENTRY_A || entry.kind == ENTRY_B))
    b->last.sum = checksum_fold(b->last.sum, buf->sum);
  if (entry.kind >= ENTRY_INLINE_A)
    b->atoms_inline += b->core->sb.unit_bytes / b->core->sb.atom_bytes;
  return b->overflow;
}

/* The inline units' data, in the order of their entries. */
static void copy_inline(struct log_build *b, const struct record *record)
{
  struct rdisk_core *core = b->core;
  unsigned char *to = record_inline(&core->sb, record, core->record);

  for (uint32_t i = 0; i < record->entries; i++) {
    struct entry entry;

    CORE_INVARIANT(record_get_entry(&core->sb, core->record, i, &entry));
    if (entry.kind < ENTRY_INLINE_A)
      continue;
    for (uint64_t unit = entry.first; unit < entry.first + entry.count; unit++) {
      memcpy(to, pool_find(core, unit, b->interval->number)->data, core->sb.unit_bytes);
      to += core->sb.unit_bytes;
    }
  }
}

static void clear_padding(struct log_build *b, const struct record *record)
{
  size_t used = FORMAT_RECORD_HEADER + (size_t)b->entries * FORMAT_ENTRY;
  size_t head = (size_t)(record->atoms - record->inline_atoms) * b->core->sb.atom_bytes;

  memset(b->core->record + used, 0, head - used);
}

bool log_build(struct rdisk_core *core, struct interval *interval, bool inlined, bool verify,
               struct record *record)
{
  struct log_build b = { .core = core, .interval = interval, .inlined = inlined,
                         .verify = verify };
  uint64_t room = (uint64_t)record_atoms_max(&core->sb) * core->sb.atom_bytes;

  if (inlined)
    room -= core->inline_units * core->sb.unit_bytes;
  b.entries_max = (room - FORMAT_RECORD_HEADER) / FORMAT_ENTRY;
  ab_gather(core, interval, gather, &b);
  put_last(&b);
  if (b.overflow)
    return false;
  *record = (struct record){
    .class = verify ? RECORD_VERIFY : RECORD_SYNCED,
    .entries = (uint32_t)b.entries,
    .inline_atoms = (uint32_t)b.atoms_inline,
    .atoms = record_atoms(&core->sb, b.entries, b.atoms_inline),
    .checkpoint = interval->number,
    .time_s = core->env.time_s ? core->env.time_s(core->env.opaque) : 0,
  };
  clear_padding(&b, record);
  copy_inline(&b, record);
  return true;
}

/* ---- room ------------------------------------------------------------------------ */

bool log_has_room(const struct rdisk_core *core, uint32_t atoms)
{
  return log_fit(core, core->head, atoms) + atoms - core->older.position <= core->log_atoms;
}

int log_reserve(struct rdisk_core *core, uint32_t atoms)
{
  int code = 0;

  core->root_error = 0;
  while (!log_has_room(core, atoms) && !code) {
    core->log_waiting = atoms;
    core_kick(core);
    core_wait(core, RDISK_CHANNEL_SPACE);
    code = core->failed ? core->failed : core->root_error;
  }
  core->log_waiting = 0;
  return code;
}

/* ---- writing ---------------------------------------------------------------------- */

int log_append(struct rdisk_core *core, struct record *record)
{
  uint64_t offset;
  int code;

  record->position = log_fit(core, core->head, record->atoms);
  record->epoch = core->epoch;
  record->sequence = core->sequence + 1;
  record->previous = core->chain;
  core_unlock(core);
  record_seal(&core->sb, record, core->record);
  offset = log_offset(core, record->position);
  code = device_write(core, core->record, (size_t)record->atoms * core->sb.atom_bytes, offset);
  core_lock(core);
  core->stats.log_write_bytes += (uint64_t)record->atoms * core->sb.atom_bytes;
  if (code == RDISK_ENOSPC)
    return code; /* a host that copies on write; the interval stays sealed */
  if (code)
    core_fail(core, code, "write of a log record", offset);
  return device_flush(core, "flush of a log record");
}

void log_landed(struct rdisk_core *core, const struct record *record)
{
  core->sequence = record->sequence;
  core->chain = record->sum;
  core->head = record->position + record->atoms;
  core->checkpoint = record->checkpoint;
  core->time_s = record->time_s;
  core->vouched = record->entries == 0; /* to lose an empty one loses nothing */
  core->replays += record->entries;
  core->inlined += record->inline_atoms / (core->sb.unit_bytes / core->sb.atom_bytes);
}

int log_write_empty(struct rdisk_core *core)
{
  struct record record = {
    .class = RECORD_SYNCED,
    .atoms = record_atoms(&core->sb, 0, 0),
    .checkpoint = core->checkpoint,
    .time_s = core->time_s,
  };
  int code = log_reserve(core, record.atoms);

  if (code)
    return code;
  memset(core->record, 0, core->sb.atom_bytes);
  code = log_append(core, &record);
  if (!code)
    log_landed(core, &record);
  return code;
}
