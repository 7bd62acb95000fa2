/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-world.c - the lives of a store: see sim-world.h.
 *
 * A life opens the store, judges what it finds (D1-D3), lets clients and the
 * background work run, looks at the rest while all is quiet (D8), and closes,
 * recovers and reopens at random, until the device's countdown cuts it short,
 * wherever it stands: also inside open, close and recover.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim-world.h"

const char sim_channel_clients[] = "the clients";
static const char channel_background[] = "the background";

static bool chance(struct sim_world *w, unsigned in_256)
{
  return sim_below(&w->sim, 256) < in_256;
}

/* ---- errors ---------------------------------------------------------------------- */

bool sim_world_excuses(const struct sim_world *w, int code)
{
  const struct sim_device *d = &w->device;

  switch (code) {
  case 0:
    return true;
  case RDISK_EIO:
    return d->unknown_errors || d->read_errors || d->other_errors;
  case RDISK_EFAILED: /* also a large request that failed half-way */
    return d->unknown_errors || d->read_errors || d->other_errors || d->no_space ||
           w->hooks.memory_failures;
  case RDISK_ENOSPC:
    return d->no_space != 0;
  case RDISK_ENOMEM:
    return w->hooks.memory_failures != 0;
  default:
    return false;
  }
}

void sim_world_expect(struct sim_world *w, const char *operation, int code)
{
  w->model.tolerant = w->model.tolerant || code != 0;
  sim_require(&w->sim, sim_world_excuses(w, code), "errors", "%s fails without a cause: error %d",
              operation, code);
}

static struct sim_device_errors calm(struct sim_world *w)
{
  struct sim_device_errors errors = w->device.config.errors;

  w->device.config.errors = (struct sim_device_errors){ 0 };
  return errors;
}

static void new_process(struct sim_world *w)
{
  w->hooks.memory_fails = 0;
  w->device.lock_owner = NULL;
  sim_hooks_reset(&w->hooks);
  sim_device_forgive(&w->device);
  w->core = NULL;
}

/* ---- looking at the disk -------------------------------------------------------------- */

static void read_range(struct sim_world *w, uint64_t at, uint64_t end)
{
  while (at < end) {
    uint64_t left = end - at;
    uint64_t length = sim_one_in(&w->sim, 2) ? left : 1 + sim_below(&w->sim, left);
    int result = rdisk_core_read(w->core, w->disk + at, length, at);

    sim_require(&w->sim, result == 0, "errors", "reading %" PRIu64 " + %" PRIu64 " fails: error %d",
                at, length, result);
    at += length;
  }
}

static int note_extent(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero)
{
  struct sim_world *w = opaque;

  w->read_next = offset + length_bytes;
  return zero ? 1 : 2;
}

/* Of a large disk only what is not said to be zero. */
static void read_extents(struct sim_world *w)
{
  uint64_t size = w->config.format.size_bytes;

  for (uint64_t at = 0; at < size; at = w->read_next) {
    int found = rdisk_core_extents(w->core, size - at, at, note_extent, w);

    sim_require(&w->sim, found > 0, "errors", "extents from %" PRIu64 " on: error %d", at, found);
    if (found == 2)
      read_range(w, at, w->read_next);
    else
      memset(w->disk + at, 0, w->read_next - at);
  }
}

void sim_world_read_all(struct sim_world *w)
{
  struct sim_device_errors errors = calm(w);
  uint32_t memory_fails = w->hooks.memory_fails;

  w->hooks.memory_fails = 0;
  if (w->config.format.size_bytes > SIM_SMALL)
    read_extents(w);
  else
    read_range(w, 0, w->config.format.size_bytes);
  w->hooks.memory_fails = memory_fails;
  w->device.config.errors = errors;
}

static void judge(struct sim_world *w, const char *after)
{
  sim_world_read_all(w);
  sim_require(&w->sim, sim_model_judge(&w->model, w->disk), after, "%s", w->model.why);
}

static void check_info(struct sim_world *w, bool read_only, bool clean)
{
  struct rdisk_info info = RDISK_INFO_INIT;

  rdisk_core_info(w->core, &info);
  sim_require(&w->sim,
              info.size_bytes == w->config.format.size_bytes &&
                  info.block_bytes == w->config.format.block_bytes &&
                  memcmp(info.store_id, w->config.format.store_id, 16) == 0,
              "info", "size, block or id are not the store's");
  sim_require(&w->sim, info.sequence >= w->model.sequence, "D2",
              "sequence %" PRIu64 " after %" PRIu64 " was acknowledged", info.sequence,
              w->model.sequence);
  sim_require(&w->sim, info.discarded == 0 || w->hooks.warnings != 0, "D5",
              "a record was discarded and no warning logged");
  sim_require(&w->sim, !clean || info.clean, "info", "closed properly, and not clean");
  sim_require(&w->sim, !clean || info.discarded == 0, "D5",
              "closed properly, and a record discarded");
  sim_require(&w->sim, read_only || info.epoch > w->epoch, "info",
              "epoch %" PRIu64 " after %" PRIu64, info.epoch, w->epoch);
  sim_require(&w->sim, (info.read_only != 0) == read_only, "info", "read_only is wrong");
  w->unit_bytes = info.unit_bytes;
  if (!read_only)
    w->epoch = info.epoch;
}

/* ---- opening and closing ----------------------------------------------------------------- */

int sim_world_open(struct sim_world *w, bool read_only)
{
  struct rdisk_core_options options = w->config.options;

  options.read_only = read_only;
  w->device.io.read_only = read_only;
  return rdisk_core_open(&w->hooks.env, &w->device.io, &options, &w->core);
}

/* D1: a store opens whatever happened, unless the device or memory fails now.
 * D1 again: what an open showed, later ones show, unless it was read-only and what
 * it saw may be lost from the device's cache. */
static bool open_store(struct sim_world *w, bool read_only)
{
  bool certain = w->device.pending == NULL, clean = w->clean;
  int result;

  w->clean = clean && read_only;
  sim_trace(&w->sim, "OPEN read_only %" PRIu64 ", crashed %" PRIu64, read_only, w->crashed, 0, 0);
  w->hooks.memory_fails = w->config.memory_fails;
  w->device.lock_owner = NULL; /* nobody else can be inside yet */
  result = sim_world_open(w, read_only);
  w->device.lock_owner = &w->hooks.owner;
  w->hooks.memory_fails = w->config.memory_fails * 8; /* rarer from now on */
  sim_trace(&w->sim, "OPEN done: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  if (result != 0) {
    w->core = NULL;
    sim_world_expect(w, "open", result);
    sim_hooks_expect_empty(&w->hooks);
    return false;
  }
  judge(w, read_only ? "read-only open" : "open");
  check_info(w, read_only, clean);
  if (!read_only || certain)
    sim_model_adopt(&w->model);
  w->states += w->crashed;
  w->crashed = false;
  return true;
}

static void close_store(struct sim_world *w, bool abandon)
{
  bool read_only = w->device.io.read_only;
  int result;

  sim_trace(&w->sim, "CLOSE abandon %" PRIu64, abandon, 0, 0, 0);
  w->device.lock_owner = NULL; /* nor any longer */
  result = rdisk_core_close(w->core, abandon);
  w->core = NULL;
  sim_world_expect(w, "close", result);
  sim_hooks_expect_empty(&w->hooks);
  sim_require(&w->sim, w->device.transfer_count == 0, "contract",
              "closed with %u transfers under way", w->device.transfer_count);
  if (!read_only)
    w->clean = !abandon && result == 0 && !w->model.tolerant && !w->device.unknown_errors;
  sim_device_forgive(&w->device);
  sim_hooks_reset(&w->hooks);
}

/* ---- serving --------------------------------------------------------------------------------- */

static void background(void *opaque)
{
  struct sim_world *w = opaque;

  while (!w->stopping) {
    if (!w->hooks.kicked && sim_one_in(&w->sim, 16))
      rdisk_core_idle(w->core);
    w->background_idle = true;
    sim_hooks_await_kick(&w->hooks);
    w->background_idle = false;
    while (!w->stopping && rdisk_core_background(w->core))
      sim_switch_point(&w->sim);
  }
  w->background_left = true;
  sim_wake(&w->sim, channel_background);
}

/* The clients, and perhaps one more. */
static void serve_clients_and(struct sim_world *w, void (*other)(void *))
{
  unsigned count = 1 + (unsigned)sim_below(&w->sim, w->config.clients);

  w->clients_left = count + (other != NULL);
  if (other != NULL)
    sim_spawn(&w->sim, "recoverer", other, w);
  for (unsigned i = 0; i < count; i++)
    sim_spawn(&w->sim, "client", sim_workload_client, &w->clients[i]);
  while (w->clients_left != 0)
    sim_sleep(&w->sim, sim_channel_clients);
}

static void serve_clients(struct sim_world *w)
{
  serve_clients_and(w, NULL);
}

static void stop_background(struct sim_world *w)
{
  w->stopping = true;
  sim_hooks_kick(&w->hooks);
  while (!w->background_left)
    sim_sleep(&w->sim, channel_background);
}

/* D8: after an error of unknown effect no commit succeeds. */
static void check_failed(struct sim_world *w)
{
  struct sim_device_errors errors;
  uint64_t sequence = 0;
  uint32_t checkpoint;
  int result;
  bool known = w->background_idle; /* else the core may not have heard of it yet */

  if (w->device.unknown_errors == 0)
    return;
  errors = calm(w);
  checkpoint = sim_model_checkpoint_begin(&w->model);
  result = rdisk_core_checkpoint(w->core, &sequence);
  sim_model_checkpoint_end(&w->model, checkpoint, result, sequence);
  w->device.config.errors = errors;
  sim_require(&w->sim, result != 0 || !known, "D8",
              "a checkpoint succeeds after a failed write or flush");
}

static void recover(struct sim_world *w)
{
  int result = rdisk_core_recover(w->core);

  sim_trace(&w->sim, "RECOVER: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  sim_world_expect(w, "recover", result);
  if (result != 0)
    return;
  judge(w, "recover");
  sim_model_adopt(&w->model);
}

/* A client that sets the disk back in the middle of the others' requests. */
static void recover_meanwhile(void *opaque)
{
  struct sim_world *w = opaque;

  for (uint64_t i = sim_below(&w->sim, 30); i > 0; i--)
    sim_yield(&w->sim);
  w->recover_begin = sim_tick(&w->sim);
  w->recover_result = rdisk_core_recover(w->core);
  w->recover_end = sim_tick(&w->sim);
  sim_trace(&w->sim, "RECOVER done: %" PRId64, (uint64_t)(int64_t)w->recover_result, 0, 0, 0);
  if (--w->clients_left == 0)
    sim_wake(&w->sim, sim_channel_clients);
}

/* Between two checkpoints that say what the disk is. */
static void recover_under_load(struct sim_world *w)
{
  struct sim_device_errors errors = calm(w);
  uint64_t crash_in = w->sim.crash_in;
  int result;

  w->sim.crash_in = 0;
  result = rdisk_core_checkpoint(w->core, NULL);
  sim_world_expect(w, "checkpoint", result);
  if (result == 0) {
    uint64_t begin = sim_tick(&w->sim);

    sim_world_read_all(w);
    sim_model_check_read(&w->model, w->disk, 0, w->config.format.size_bytes, begin);
    sim_model_find(&w->model, w->disk);
    sim_model_adopt(&w->model);
    w->model.undoing = true;
    w->weights = w->config.weights;
    w->weights.checkpoint = 0;
    w->sim.crash_in = crash_in;
    serve_clients_and(w, recover_meanwhile);
    w->sim.crash_in = 0;
    sim_world_expect(w, "recover", w->recover_result);
    sim_world_read_all(w);
    sim_require(&w->sim,
                w->recover_result != 0 ||
                    sim_model_judge_undone(&w->model, w->disk, w->recover_begin, w->recover_end),
                "recover", "%s", w->model.why);
    sim_require(&w->sim, rdisk_core_checkpoint(w->core, NULL) == 0, "recover",
                "no checkpoint after it");
    sim_model_find(&w->model, w->disk);
    sim_model_adopt(&w->model);
  }
  w->weights = w->config.weights;
  w->sim.crash_in = crash_in;
  w->device.config.errors = errors;
}

/* Space comes back: what failed for want of it works again, and nothing was lost. */
static void make_room(struct sim_world *w)
{
  if (w->device.config.space_units == UINT64_MAX || w->device.no_space == 0)
    return;
  w->device.config.space_units += 1 + sim_below(&w->sim, 2 * w->device.units);
  sim_hooks_kick(&w->hooks);
}

static void look_around(struct sim_world *w)
{
  check_failed(w);
  if (sim_one_in(&w->sim, 4)) {
    uint64_t begin = sim_tick(&w->sim);

    if (w->device.unknown_errors == 0) {
      sim_world_read_all(w);
      sim_model_check_read(&w->model, w->disk, 0, w->config.format.size_bytes, begin);
    }
  }
  make_room(w);
}

static void serve(struct sim_world *w)
{
  w->stopping = w->background_left = false;
  w->weights = w->config.weights;
  sim_spawn(&w->sim, "background", background, w);
  sim_hooks_kick(&w->hooks);
  do {
    serve_clients(w);
    look_around(w);
    if (chance(w, w->config.recover_in_256))
      recover(w);
    else if (chance(w, w->config.recover_in_256) && w->model.tolerant == false &&
             w->device.unknown_errors == 0 && w->config.device.space_units == UINT64_MAX)
      recover_under_load(w);
  } while (sim_one_in(&w->sim, 4));
  stop_background(w);
}

static void serve_reads(struct sim_world *w)
{
  w->weights = (struct sim_weights){ .read = 4, .extents = 1 };
  serve_clients(w);
}

/* ---- the checker ------------------------------------------------------------------ */

static void report(void *opaque, enum rdisk_log_level level, const char *rule, const char *line)
{
  struct sim_world *w = opaque;

  (void)rule;
  if (level == RDISK_LOG_ERROR)
    sim_violate(&w->sim, "check", "a sound store is reported: %s", line);
}

static void check_store(struct sim_world *w)
{
  struct sim_device_errors errors = calm(w);
  int result;

  w->device.io.read_only = true;
  w->hooks.memory_fails = 0;
  result = rdisk_core_check(&w->hooks.env, &w->device.io, report, NULL, w);
  w->device.config.errors = errors;
  sim_trace(&w->sim, "CHECK: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  sim_require(&w->sim, result == 0, "check", "rdisk_core_check returns %d", result);
  sim_hooks_expect_empty(&w->hooks);
}

/* ---- lives ------------------------------------------------------------------------ */

static void live(void *opaque)
{
  struct sim_world *w = opaque;

  do {
    bool read_only = chance(w, w->config.read_only_in_256);

    if (chance(w, w->config.check_in_256))
      check_store(w);
    if (!open_store(w, read_only)) {
      new_process(w);
      continue;
    }
    if (read_only)
      serve_reads(w);
    else
      serve(w);
    if (!chance(w, w->config.reopen_in_256))
      return; /* it ends here, open */
    close_store(w, sim_one_in(&w->sim, 4));
  } while (sim_one_in(&w->sim, 2));
}

static void format(void *opaque)
{
  struct sim_world *w = opaque;
  int result = rdisk_core_format(&w->hooks.env, &w->device.io, &w->config.format);

  sim_world_expect(w, "format", result);
  sim_hooks_expect_empty(&w->hooks);
  w->formatted = result == 0;
}

/* A store that was being made is a new store, or none. */
static void open_half_made(void *opaque)
{
  struct sim_world *w = opaque;
  int result = sim_world_open(w, true);

  sim_trace(&w->sim, "OPEN half made: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  if (result == 0)
    judge(w, "format");
  else
    sim_require(&w->sim, result == RDISK_EFOREIGN || result == RDISK_EDAMAGED, "format",
                "a half-made store opens with error %d", result);
}

static void die(struct sim_world *w)
{
  if (chance(w, w->config.kill_in_256))
    sim_device_kill(&w->device);
  else
    sim_device_power_cut(&w->device);
  new_process(w);
  w->crashed = true;
}

static bool run_format(struct sim_world *w)
{
  bool crash = chance(w, w->config.format_crash_in_256);

  if (crash) {
    w->sim.crash_in = 1 + sim_below(&w->sim, 24);
    sim_spawn(&w->sim, "format", format, w);
    if (sim_run(&w->sim) == SIM_VIOLATED)
      return false;
    die(w);
    w->sim.crash_in = 0;
    sim_spawn(&w->sim, "open", open_half_made, w);
    if (sim_run(&w->sim) == SIM_VIOLATED)
      return false;
    new_process(w);
    w->states++;
  }
  w->device.io.read_only = false;
  sim_spawn(&w->sim, "format", format, w);
  return sim_run(&w->sim) != SIM_VIOLATED;
}

static bool run_life(struct sim_world *w)
{
  if (w->config.crash_within != 0 && chance(w, w->config.crash_early_in_256))
    w->sim.crash_in = 1 + sim_below(&w->sim, 40); /* within open */
  else if (w->config.crash_within != 0)
    w->sim.crash_in = 20 + sim_below(&w->sim, w->config.crash_within);
  sim_spawn(&w->sim, "life", live, w);
  if (sim_run(&w->sim) == SIM_VIOLATED)
    return false;
  w->sim.crash_in = 0;
  die(w);
  return true;
}

/* D9: a device with a larger atom than the store was made for is refused. */
static void open_on_coarser_device(void *opaque)
{
  struct sim_world *w = opaque;
  uint64_t changes = w->device.changes;

  w->device.io.unit_bytes = 2 * w->device.config.unit_bytes;
  sim_require(&w->sim, sim_world_open(w, false) != 0, "D9",
              "a store opens on a device whose atom is larger");
  sim_require(&w->sim, w->device.changes == changes, "D9", "a refused store was written to");
  w->device.io.unit_bytes = w->device.config.unit_bytes;
}

bool sim_world_run(struct sim_world *w)
{
  struct sim_device_errors errors = calm(w);

  w->device.config.space_units = UINT64_MAX;
  if (!run_format(w))
    return false;
  w->device.config.space_units = w->config.device.space_units;
  for (unsigned i = 0; i < w->config.lives; i++) {
    w->device.config.errors = i % 3 == 2 ? (struct sim_device_errors){ 0 } : errors;
    if (!run_life(w))
      return false;
  }
  calm(w);
  sim_spawn(&w->sim, "coarser", open_on_coarser_device, w);
  if (sim_run(&w->sim) == SIM_VIOLATED)
    return false;
  new_process(w);
  if (w->config.damages == 0)
    return true;
  sim_spawn(&w->sim, "damage", sim_damage, w);
  return sim_run(&w->sim) != SIM_VIOLATED;
}

void sim_world_init(struct sim_world *w, const struct sim_config *config)
{
  uint64_t size = config->format.size_bytes;

  w->config = *config;
  w->sim.yield_in_256 = config->yield_in_256;
  sim_hooks_init(&w->hooks, &w->sim);
  w->hooks.loses_wakes = config->frauds.wakes;
  sim_device_init(&w->device, &w->sim, &config->device);
  sim_model_init(&w->model, &w->sim, size, config->cell_bytes);
  w->disk = malloc(size);
  assert(w->disk != NULL);
  for (unsigned i = 0; i < SIM_CLIENTS; i++) {
    w->clients[i] = (struct sim_client){ w, malloc(size + 16) };
    assert(w->clients[i].buffer != NULL);
  }
}

void sim_world_free(struct sim_world *w)
{
  sim_hooks_reset(&w->hooks);
  sim_device_free(&w->device);
  sim_model_free(&w->model);
  free(w->disk);
  for (unsigned i = 0; i < SIM_CLIENTS; i++)
    free(w->clients[i].buffer);
  sim_free(&w->sim);
}
