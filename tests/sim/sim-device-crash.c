/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-device-crash.c - what the simulated device holds after a crash.
 *
 * A cut deals out fates by unit, the atom that a device may lose or garble as a
 * whole (D9).  At random the deal follows one of a few profiles, because errors
 * of ordering hide in the corners: all lost, all kept, one lost, one kept, only
 * what was completed up to some moment, or everything by the dice.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim-device.h"

static bool covers(const struct sim_device *d, const struct sim_write *w, uint64_t unit)
{
  uint64_t at = unit * d->config.unit_bytes;

  return w->offset <= at && at < w->offset + w->length;
}

/* The pending writes to a unit, oldest first; their count. */
static unsigned versions_of(const struct sim_device *d, uint64_t unit,
                            const struct sim_write *versions[SIM_VERSIONS])
{
  unsigned count = 1;

  versions[0] = NULL;
  for (const struct sim_write *w = d->pending; w != NULL; w = w->next)
    if (covers(d, w, unit) && count < SIM_VERSIONS)
      versions[count++] = w;
  return count;
}

static const unsigned char *version_data(const struct sim_device *d, const struct sim_write *w,
                                         uint64_t unit)
{
  uint64_t at = unit * d->config.unit_bytes;

  return w == NULL ? d->durable + at : w->data + (at - w->offset);
}

static void shred(struct sim_device *from, struct sim_device *to, uint64_t unit)
{
  uint64_t bytes = to->config.unit_bytes;

  sim_device_garbage(from, to->durable + unit * bytes, bytes);
  if (from->config.lies.unit && (unit ^ 1) < to->units) {
    sim_device_garbage(from, to->durable + (unit ^ 1) * bytes, bytes);
    sim_device_touch(to, (unit ^ 1) * bytes, bytes);
    memcpy(to->current + (unit ^ 1) * bytes, to->durable + (unit ^ 1) * bytes, bytes);
  }
}

static void settle_unit(struct sim_device *from, struct sim_device *to, uint64_t unit,
                        sim_chooser *choose, void *opaque)
{
  const struct sim_write *versions[SIM_VERSIONS];
  struct sim_fate fate = { .unit = unit };
  uint64_t bytes = from->config.unit_bytes;
  unsigned char *target = to->durable + unit * bytes;

  fate.versions = versions_of(from, unit, versions);
  fate.sectors_count = (unsigned)(bytes / SIM_SECTOR);
  assert(fate.sectors_count <= sizeof fate.sectors);
  choose(opaque, &fate);
  if (fate.shred)
    shred(from, to, unit);
  for (unsigned i = 0; i < fate.sectors_count && !fate.shred; i++)
    if (fate.sectors[i] != 0)
      memcpy(target + i * SIM_SECTOR,
             version_data(from, versions[fate.sectors[i]], unit) + i * SIM_SECTOR, SIM_SECTOR);
  sim_device_touch(to, unit * bytes, bytes);
  memcpy(to->current + unit * bytes, target, bytes);
}

void sim_device_settle(struct sim_device *from, struct sim_device *to, sim_chooser *choose,
                       void *opaque)
{
  uint64_t bytes = from->config.unit_bytes;
  bool *settled = calloc(from->units, sizeof *settled);

  assert(settled != NULL);
  for (const struct sim_write *w = from->pending; w != NULL; w = w->next)
    for (uint64_t unit = w->offset / bytes; unit * bytes < w->offset + w->length; unit++)
      if (!settled[unit]) {
        settled[unit] = true;
        settle_unit(from, to, unit, choose, opaque);
      }
  free(settled);
  while (to->pending != NULL)
    sim_device_unlink(to, to->pending);
  memset(to->stale, 0, to->units * sizeof *to->stale);
}

unsigned sim_device_at_risk(const struct sim_device *d, struct sim_fate *fates, unsigned max)
{
  const struct sim_write *versions[SIM_VERSIONS];
  uint64_t bytes = d->config.unit_bytes;
  unsigned count = 0;

  for (const struct sim_write *w = d->pending; w != NULL; w = w->next)
    for (uint64_t unit = w->offset / bytes; unit * bytes < w->offset + w->length; unit++) {
      unsigned i = 0;

      while (i < count && fates[i].unit != unit)
        i++;
      if (i < count || count == max)
        continue;
      fates[count++] =
          (struct sim_fate){ .unit = unit, .versions = versions_of(d, unit, versions) };
    }
  return count;
}

/* ---- at random ---------------------------------------------------------------- */

struct dice {
  struct sim *sim;
  enum { ALL_LOST, ALL_KEPT, ONE_LOST, ONE_KEPT, DICE, PROFILES } profile;
  unsigned countdown;  /* to the one */
  unsigned kept_in_256, torn_in_256, shredded_in_256;
};

static void roll_unit(struct dice *dice, struct sim_fate *fate)
{
  unsigned newest = fate->versions - 1, chosen;

  if (sim_below(dice->sim, 256) < dice->shredded_in_256) {
    fate->shred = true;
    return;
  }
  if (sim_below(dice->sim, 256) < dice->torn_in_256) {
    for (unsigned i = 0; i < fate->sectors_count; i++)
      fate->sectors[i] = (unsigned char)sim_below(dice->sim, fate->versions);
    return;
  }
  if (sim_below(dice->sim, 256) < dice->kept_in_256)
    chosen = newest;
  else
    chosen = sim_one_in(dice->sim, 4) ? (unsigned)sim_below(dice->sim, fate->versions) : 0;
  memset(fate->sectors, (int)chosen, fate->sectors_count);
}

static void roll(void *opaque, struct sim_fate *fate)
{
  struct dice *dice = opaque;
  unsigned newest = fate->versions - 1;
  bool odd = dice->countdown != 0 && --dice->countdown == 0;

  switch (dice->profile) {
  case ALL_LOST:
    break;
  case ALL_KEPT:
    memset(fate->sectors, (int)newest, fate->sectors_count);
    break;
  case ONE_KEPT:
    memset(fate->sectors, odd ? (int)newest : 0, fate->sectors_count);
    break;
  case ONE_LOST:
    if (odd)
      roll_unit(dice, fate);
    else
      memset(fate->sectors, (int)newest, fate->sectors_count);
    break;
  default:
    roll_unit(dice, fate);
  }
}

static unsigned pending_units(const struct sim_device *d)
{
  uint64_t units = 0;

  for (const struct sim_write *w = d->pending; w != NULL; w = w->next)
    units += w->length / d->config.unit_bytes;
  return (unsigned)units;
}

void sim_device_power_cut(struct sim_device *d)
{
  static const unsigned rates[4] = { 0, 16, 64, 192 };
  struct dice dice = { .sim = d->sim };
  unsigned units = pending_units(d);

  dice.profile = sim_below(d->sim, PROFILES + 2);
  dice.countdown = units ? 1 + (unsigned)sim_below(d->sim, units) : 0;
  dice.kept_in_256 = (unsigned)sim_below(d->sim, 257);
  dice.torn_in_256 = rates[sim_below(d->sim, 4)];
  dice.shredded_in_256 = rates[sim_below(d->sim, 3)];
  sim_trace(d->sim, "POWER CUT, %" PRIu64 " unit writes pending, profile %" PRIu64, units,
            dice.profile, 0, 0);
  sim_device_settle(d, d, roll, &dice);
  sim_device_forgive(d);
}

/* ---- a process dies ------------------------------------------------------------- */

void sim_device_kill(struct sim_device *d)
{
  struct sim_write *next;

  sim_trace(d->sim, "KILL", 0, 0, 0, 0);
  for (struct sim_write *w = d->pending; w != NULL; w = next) {
    next = w->next;
    if (w->done_at != 0)
      continue;
    if (sim_one_in(d->sim, 2)) {
      sim_device_unlink(d, w);
      continue;
    }
    if (sim_one_in(d->sim, 4))
      for (uint64_t at = 0; at < w->length; at += SIM_SECTOR)
        if (sim_random(d->sim) & 1)
          memcpy(w->data + at, d->current + w->offset + at, SIM_SECTOR);
    w->done_at = sim_tick(d->sim);
    w->iocb = NULL;
    sim_device_apply(d, d->current, w);
  }
  sim_device_forgive(d);
}

/* ---- going back ------------------------------------------------------------------- */

void sim_device_remember(struct sim_device *d, unsigned char *copy)
{
  assert(d->pending == NULL);
  memcpy(copy, d->durable, d->config.size_bytes);
  memset(d->touched, 0, d->units * sizeof *d->touched);
}

void sim_device_restore(struct sim_device *d, const unsigned char *copy)
{
  uint64_t bytes = d->config.unit_bytes;

  while (d->pending != NULL)
    sim_device_unlink(d, d->pending);
  for (uint64_t unit = 0; unit < d->units; unit++)
    if (d->touched[unit]) {
      memcpy(d->durable + unit * bytes, copy + unit * bytes, bytes);
      memcpy(d->current + unit * bytes, copy + unit * bytes, bytes);
      d->touched[unit] = false;
      d->unsynced[unit] = true;
      d->stale[unit] = false;
    }
  sim_device_forgive(d);
}

void sim_device_sync(struct sim_device *from, struct sim_device *to, unsigned char *copy)
{
  uint64_t bytes = from->config.unit_bytes;

  for (uint64_t unit = 0; unit < from->units; unit++)
    if (from->unsynced[unit]) {
      memcpy(to->durable + unit * bytes, from->durable + unit * bytes, bytes);
      memcpy(to->current + unit * bytes, from->durable + unit * bytes, bytes);
      memcpy(copy + unit * bytes, from->durable + unit * bytes, bytes);
      from->unsynced[unit] = to->touched[unit] = false;
      to->unsynced[unit] = true;
    }
}
