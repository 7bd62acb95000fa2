/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-damage.c - a store at rest loses bits, sectors or units (D5).
 *
 * Whatever is hit, an open must either refuse the store as damaged, or show the
 * same disk as before, but for bytes that lie in the hit place themselves (data
 * has no checksums in this layout).  No knowledge of the format is needed.  The
 * last commits of a crashed store are left alone: a crash and damage inside the
 * last interval is the documented limit.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim-world.h"

struct damage {
  struct sim_world *w;
  unsigned char *image;     /* the device's contents, sound */
  unsigned char *reference; /* the disk's */
  uint64_t before;          /* only what was written before this tick is hit */
  uint64_t offset, length;  /* the hit range: a sector or a unit */
};

static void fresh(struct sim_world *w)
{
  sim_hooks_reset(&w->hooks);
  sim_device_forgive(&w->device);
  w->core = NULL;
}

static void close_quietly(struct sim_world *w, bool abandon)
{
  int result = rdisk_core_close(w->core, abandon);

  sim_require(&w->sim, result == 0 || result == RDISK_EDAMAGED, "D5", "close returns %d", result);
  fresh(w);
}

/* A bit, a sector or a unit. */
static void hit(struct damage *d, uint64_t unit)
{
  struct sim_world *w = d->w;
  uint64_t unit_bytes = w->device.config.unit_bytes;
  uint64_t kind = sim_below(&w->sim, 4), bit;
  unsigned char *bytes;

  d->length = kind == 3 ? unit_bytes : SIM_SECTOR;
  d->offset = unit * unit_bytes + sim_below(&w->sim, unit_bytes / d->length) * d->length;
  bytes = w->device.durable + d->offset;
  bit = sim_below(&w->sim, d->length * 8);
  if (kind < 2)
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  else
    sim_device_garbage(&w->device, bytes, d->length);
  sim_device_touch(&w->device, d->offset, d->length);
  memcpy(w->device.current + d->offset, bytes, d->length);
  sim_trace(&w->sim, "DAMAGE kind %" PRIu64 ": %" PRIu64 " + %" PRIu64 " bit %" PRIu64, kind,
            d->offset, d->length, bit);
}

/* The disk is what it was, but for the hit bytes. */
static void compare(struct damage *d, const char *when)
{
  struct sim_world *w = d->w;
  uint64_t size = w->config.format.size_bytes, at = 0;
  uint64_t step = d->length < size ? d->length : size;
  unsigned differ = 0;

  if (memcmp(w->disk, d->reference, size) == 0)
    return;
  for (; at < size; at += step) {
    uint64_t length = step < size - at ? step : size - at;

    if (memcmp(w->disk + at, d->reference + at, length) == 0)
      continue;
    sim_require(&w->sim,
                differ++ == 0 && memcmp(w->disk + at, w->device.current + d->offset, length) == 0,
                "D5",
                "%s: damage of %" PRIu64 " + %" PRIu64 " silently changes the disk at %" PRIu64,
                when, d->offset, d->length, at);
  }
}

/* Read what can be read; a range that is refused as damaged counts as right. */
static void read_what_can_be_read(struct damage *d)
{
  struct sim_world *w = d->w;
  uint64_t size = w->config.format.size_bytes;
  int result = rdisk_core_read(w->core, w->disk, size, 0);

  if (result == 0)
    return;
  for (uint64_t at = 0; at < size; at += w->config.cell_bytes) {
    result = rdisk_core_read(w->core, w->disk + at, w->config.cell_bytes, at);
    sim_require(&w->sim, result == 0 || result == RDISK_EDAMAGED, "D5",
                "a read of a damaged store returns %d", result);
    if (result != 0)
      memcpy(w->disk + at, d->reference + at, w->config.cell_bytes);
  }
}

static bool open_damaged(struct damage *d, bool read_only, const char *when)
{
  struct sim_world *w = d->w;
  int result = sim_world_open(w, read_only);

  sim_trace(&w->sim, "OPEN damaged: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  if (result != 0) {
    sim_require(&w->sim,
                result == RDISK_EDAMAGED || result == RDISK_EFOREIGN || result == RDISK_EVERSION,
                "D5", "%s: a damaged store opens with error %d", when, result);
    sim_hooks_expect_empty(&w->hooks);
    fresh(w);
    return false;
  }
  read_what_can_be_read(d);
  compare(d, when);
  return true;
}

/* A store that is refused was not changed. */
static void expect_unchanged(struct damage *d)
{
  struct sim_device *device = &d->w->device;
  uint64_t first = d->offset / device->config.unit_bytes;

  sim_require(&d->w->sim, device->pending == NULL, "D5", "a refused store was written to");
  for (uint64_t unit = 0; unit < device->units; unit++)
    sim_require(&d->w->sim, !device->touched[unit] || unit == first, "D5",
                "a refused store was changed in unit %" PRIu64, unit);
}

static void ignore(void *opaque, enum rdisk_log_level level, const char *rule, const char *line)
{
  (void)opaque;
  (void)level;
  (void)rule;
  (void)line;
}

static void check_damaged(struct damage *d, bool refused)
{
  struct sim_world *w = d->w;
  int result;

  w->device.io.read_only = true;
  result = rdisk_core_check(&w->hooks.env, &w->device.io, ignore, NULL, w);
  sim_require(&w->sim, !refused || result != 0, "D5", "the checker finds a refused store sound");
  sim_hooks_expect_empty(&w->hooks);
  fresh(w);
}

/* Refused or right; and if it was opened for writing, also afterwards: damage is
 * not given a new checksum. */
static void try_damaged(struct damage *d)
{
  struct sim_world *w = d->w;
  bool read_only = sim_one_in(&w->sim, 2);
  bool refused = !open_damaged(d, read_only, "open");

  if (refused)
    expect_unchanged(d);
  else
    close_quietly(w, sim_one_in(&w->sim, 4));
  if (!refused && !read_only && open_damaged(d, true, "open after a close"))
    close_quietly(w, true);
  check_damaged(d, refused && read_only);
}

/* When a commit of the last life began that has three younger ones; 0: there is none. */
static uint64_t three_commits_ago(const struct sim_model *m)
{
  uint64_t sequence = 0;
  unsigned commits = 0;

  for (uint32_t i = m->checkpoint_count; i-- > 0;)
    if (m->checkpoints[i].ok && m->checkpoints[i].sequence != sequence) {
      sequence = m->checkpoints[i].sequence;
      if (++commits == 4)
        return m->checkpoints[i].begin;
    }
  return 0;
}

/* Rest as a crash left it, or after a proper close. */
static uint64_t come_to_rest(struct sim_world *w)
{
  uint64_t before = three_commits_ago(&w->model);

  sim_device_power_cut(&w->device);
  if (before != 0)
    return before;
  sim_require(&w->sim, sim_world_open(w, false) == 0, "D1", "a store does not open");
  sim_world_read_all(w);
  close_quietly(w, false);
  sim_device_power_cut(&w->device);
  return UINT64_MAX;
}

static uint64_t pick_unit(struct damage *d)
{
  struct sim_device *device = &d->w->device;

  for (int i = 0; i < 1000; i++) {
    uint64_t unit = sim_below(&d->w->sim, device->units);

    if (device->written_at[unit] != 0 && device->written_at[unit] < d->before)
      return unit;
  }
  return UINT64_MAX;
}

static void read_reference(struct damage *d)
{
  struct sim_world *w = d->w;

  sim_require(&w->sim, sim_world_open(w, true) == 0, "D1", "a store does not open");
  sim_world_read_all(w);
  memcpy(d->reference, w->disk, w->config.format.size_bytes);
  close_quietly(w, true);
}

void sim_damage(void *opaque)
{
  struct sim_world *w = opaque;
  struct damage d = { .w = w };
  uint64_t unit;

  fresh(w);
  d.before = come_to_rest(w);
  d.image = malloc(w->device.config.size_bytes);
  d.reference = malloc(w->config.format.size_bytes);
  assert(d.image != NULL && d.reference != NULL);
  read_reference(&d);
  for (unsigned i = 0; i < w->config.damages; i++) {
    if ((unit = pick_unit(&d)) == UINT64_MAX)
      break;
    sim_device_remember(&w->device, d.image);
    hit(&d, unit);
    try_damaged(&d);
    sim_device_restore(&w->device, d.image);
    w->states++;
  }
  free(d.image);
  free(d.reference);
}
