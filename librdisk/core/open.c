/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing a store. */
#include "core.h"

enum {
  BUFFER_BYTES = 16 << 20,
  VERIFY_UNITS = 1024,
  VERIFY_BYTES = 4 << 20,
  INLINE_DEFAULT = 4,
  WRITE_BEHIND_UNITS = 8
};

static uint64_t least(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static void set_limits(struct rdisk_core *core, const struct rdisk_core_options *options)
{
  uint64_t unit = core->sb.unit_bytes, count = core->buf_count;
  uint64_t inlined = options->inline_blocks == 0 ? INLINE_DEFAULT : options->inline_blocks;
  uint64_t record = (uint64_t)record_atoms_max(&core->sb) * core->sb.atom_bytes;

  core->chunk_units = count / 4;
  core->retain_units = least(least(VERIFY_UNITS, VERIFY_BYTES / unit), count / 2);
  if (options->inline_blocks == UINT32_MAX)
    inlined = 0;
  inlined = least(inlined, FORMAT_INLINE_ATOMS_MAX * core->sb.atom_bytes / unit);
  inlined = least(inlined, (record - core->sb.atom_bytes) / unit); /* a header atom beside them */
  core->inline_units = least(inlined, count / 8);
  core->write_behind_units = least(WRITE_BEHIND_UNITS, count / 2);
}

static int make_state(struct rdisk_core *core, const struct rdisk_core_options *options)
{
  uint64_t bytes = options->buffer_bytes ? options->buffer_bytes : BUFFER_BYTES;
  int code;

  core->units = superblock_units(&core->sb);
  core->log_atoms = core->sb.log_bytes / core->sb.atom_bytes;
  map_geometry_of(&core->sb, &core->map);
  core->record = core_alloc(&core->env, (size_t)record_atoms_max(&core->sb) * core_atom(core));
  core->pages = core_alloc(&core->env, (size_t)LANE_DEPTH * core_atom(core));
  if (!core->record || !core->pages)
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory");
  code = pool_create(core, core->read_only ? 4 * core->sb.unit_bytes : bytes);
  if (!code)
    code = lane_create(core, &core->background);
  if (!code)
    code = lane_create(core, &core->commit);
  if (!code)
    set_limits(core, options);
  return code;
}

static void open_interval(struct rdisk_core *core)
{
  core->open = &core->intervals[(core->checkpoint + 1) & 1];
  core->open->number = core->checkpoint + 1;
  core->open->retain = true;
}

/* Step 13.  Before anything is served or any place reused: what was found is made
 * durable, and a record of the new epoch takes the place of whatever a discarded
 * one left, so that it can never come back to life. */
static int begin_epoch(struct rdisk_core *core)
{
  int code = device_flush(core, "flush at open");

  if (code)
    return core_error(&core->env, RDISK_EIO, "open: flush of the store failed");
  core->epoch++;
  if (!log_has_room(core, record_atoms(&core->sb, 0, 0)))
    code = map_load_dirty(core); /* a store that must be refused is not written to (D5) */
  while (!code && !log_has_room(core, record_atoms(&core->sb, 0, 0)))
    code = root_write(core, &core->background, 0, NULL);
  if (!code)
    code = log_write_empty(core);
  if (code)
    core_error(&core->env, code, "open: cannot write to the store's log (for reading alone, "
                                 "open it read-only)");
  return code;
}

static int recover(struct rdisk_core *core)
{
  int code = recovery_roots(core);

  if (!code)
    code = map_create(core, core->newest.top);
  if (!code)
    code = recovery_log(core);
  if (code)
    return code;
  open_interval(core);
  return core->read_only ? 0 : begin_epoch(core);
}

/* Let what is under way end: nobody else is inside. */
static void settle(struct rdisk_core *core)
{
  while (core->background.busy > 0)
    lane_run(core, &core->background, 0, core->background.busy);
  while (core->commit.busy > 0)
    lane_run(core, &core->commit, 0, core->commit.busy);
}

static void destroy(struct rdisk_core *core)
{
  const struct rdisk_env env = core->env;
  uint32_t atom = core_atom(core);

  map_destroy(core);
  lane_destroy(core, &core->background);
  lane_destroy(core, &core->commit);
  pool_destroy(core);
  core_release(&env, core->record, (size_t)record_atoms_max(&core->sb) * atom);
  core_release(&env, core->pages, (size_t)LANE_DEPTH * atom);
  core_release(&env, core, sizeof *core);
}

int rdisk_core_open(const struct rdisk_env *env, struct rdisk_io *io,
                    const struct rdisk_core_options *options, struct rdisk_core **result)
{
  struct superblock sb;
  bool read_only = options->read_only || io->read_only;
  int code = recovery_superblock(env, io, &sb, read_only);
  struct rdisk_core *core;

  if (code)
    return code;
  core = core_alloc(env, sizeof *core);
  if (!core)
    return core_error(env, RDISK_ENOMEM, "open: no memory");
  core->env = *env;
  core->io = io;
  core->sb = sb;
  core->read_only = read_only;
  core_lock(core);
  code = make_state(core, options);
  if (!code)
    code = recover(core);
  settle(core);
  core_unlock(core);
  if (code)
    destroy(core);
  else
    *result = core;
  return code;
}

int rdisk_core_close(struct rdisk_core *core, bool abandon)
{
  int code = 0;

  core_lock(core);
  settle(core);
  if (!core->read_only && !abandon)
    code = core->failed ? core->failed : root_write(core, &core->background, ROOT_CLEAN, NULL);
  settle(core);
  core_unlock(core);
  destroy(core);
  return code;
}
