/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-scenario.c - what a seed of a scenario looks like.  All start from the same
 * random small store; each then turns towards one thing. */
#include "config.h"

#include <string.h>

#include "sim-world.h"

static uint64_t pick(struct sim *sim, const uint64_t *values, unsigned count)
{
  return values[sim_below(sim, count)];
}

#define PICK(sim, ...)                                                                             \
  pick(sim, (const uint64_t[]){ __VA_ARGS__ },                                                     \
       sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static uint64_t up(uint64_t a, uint64_t b)
{
  return (a + b - 1) / b * b;
}

static void pick_store(struct sim *sim, struct sim_config *c)
{
  struct rdisk_core_format *f = &c->format;
  uint64_t unit;

  c->device.unit_bytes = 4096;
  f->layout = RDISK_LAYOUT_AB;
  f->block_bytes = (uint32_t)PICK(sim, 512, 1024, 4096, 4096, 4096, 4096, 8192, 65536);
  unit = f->block_bytes > 4096 ? f->block_bytes : 4096;
  f->size_bytes = unit * (1 + sim_below(sim, PICK(sim, 3, 8, 16, 64, 256) * 4096 / unit + 1));
  if (f->block_bytes < unit && sim_one_in(sim, 4))
    f->size_bytes -= f->block_bytes * sim_below(sim, unit / f->block_bytes);
  f->log_bytes = PICK(sim, 16, 16, 17, 24, 40, 64, 128) * 4096;
  f->keep_space = sim_one_in(sim, 4);
  for (unsigned i = 0; i < sizeof f->store_id; i++)
    f->store_id[i] = (uint8_t)sim_random(sim);
  c->options.inline_blocks = (uint32_t)PICK(sim, 0, 0, UINT32_MAX, 1, 2, 5, 1000);
  c->options.buffer_bytes = unit * PICK(sim, 4, 4, 5, 8, 16, 64);
  c->cell_bytes = f->size_bytes <= 16 * 4096 ? (uint32_t)PICK(sim, 512, 512, 64, 16) : 512;
}

static void pick_run(struct sim *sim, struct sim_config *c)
{
  c->device.discards = !sim_one_in(sim, 3);
  c->device.reserves = sim_one_in(sim, 2);
  c->device.space_units = UINT64_MAX;
  c->lives = 24;
  c->clients = (unsigned)PICK(sim, 1, 2, 3, 4);
  c->operations = (unsigned)PICK(sim, 4, 10, 30);
  c->yield_in_256 = (unsigned)PICK(sim, 8, 64, 200);
  c->crash_within = PICK(sim, 20, 60, 200, 600);
  c->crash_early_in_256 = 40;
  c->kill_in_256 = (unsigned)PICK(sim, 0, 0, 64);
  c->reopen_in_256 = 48;
  c->read_only_in_256 = 16;
  c->check_in_256 = 16;
  c->recover_in_256 = 24;
  c->format_crash_in_256 = 32;
  c->huge = sim_one_in(sim, 2);
  c->hot_units = (unsigned)PICK(sim, 0, 2, 6);
  c->weights = (struct sim_weights){ .write = 40,
                                     .read = 12,
                                     .zero = 5,
                                     .trim = 5,
                                     .checkpoint = (unsigned)PICK(sim, 4, 12, 40),
                                     .drain = 2,
                                     .extents = 3 };
}

/* ---- the turns ------------------------------------------------------------------- */

static void plain(struct sim *sim, struct sim_config *c)
{
  (void)sim;
  (void)c;
}

static void kill(struct sim *sim, struct sim_config *c)
{
  (void)sim;
  c->kill_in_256 = 160;
  c->read_only_in_256 = 64;
}

/* Most lives end within open, before anything new was asked. */
static void recovery(struct sim *sim, struct sim_config *c)
{
  (void)sim;
  c->crash_early_in_256 = 140;
  c->crash_within = 60;
  c->lives = 60;
  c->operations = 6;
  c->weights.checkpoint = 30;
}

static void errors(struct sim *sim, struct sim_config *c)
{
  uint32_t rare = (uint32_t)PICK(sim, 20, 60, 200);

  c->device.errors.write = sim_one_in(sim, 2) ? rare : 0;
  c->device.errors.flush = sim_one_in(sim, 2) ? rare / 4 : 0;
  c->device.errors.read = sim_one_in(sim, 3) ? rare : 0;
  c->device.errors.discard = sim_one_in(sim, 3) ? rare / 4 : 0;
  c->device.errors.reserve = sim_one_in(sim, 3) ? rare / 4 : 0;
  c->memory_fails = sim_one_in(sim, 4) ? 12 : 0;
  c->kill_in_256 = 128;
  c->reopen_in_256 = 160;
}

static void full(struct sim *sim, struct sim_config *c)
{
  c->device.reserves = !sim_one_in(sim, 4);
  c->device.space_units = c->format.size_bytes / 4096 / 2 + 24 + sim_below(sim, 16);
  c->weights.trim = 20;
}

static void damage(struct sim *sim, struct sim_config *c)
{
  (void)sim;
  c->lives = 6;
  c->damages = 60;
  c->operations = 30;
  c->weights.checkpoint = 30;
}

/* Devices whose atoms are larger than a block. */
static void atoms(struct sim *sim, struct sim_config *c)
{
  uint64_t atom = PICK(sim, 8192, 16384, 65536);

  c->device.unit_bytes = (uint32_t)atom;
  c->format.size_bytes = atom * (1 + sim_below(sim, 12));
  c->format.log_bytes = atom * PICK(sim, 16, 24);
  c->options.buffer_bytes = 65536 * 4;
  c->cell_bytes = 512;
  if (c->format.block_bytes > atom)
    c->format.block_bytes = (uint32_t)atom;
}

/* Many at once in little memory. */
static void crowd(struct sim *sim, struct sim_config *c)
{
  uint64_t unit = c->format.block_bytes > 4096 ? c->format.block_bytes : 4096;

  c->clients = SIM_CLIENTS;
  c->yield_in_256 = 200;
  c->options.buffer_bytes = 4 * unit;
  c->huge = true;
  c->hot_units = (unsigned)PICK(sim, 1, 2, 4);
  c->crash_within = PICK(sim, 200, 1000);
}

/* No crash: long runs that end and reopen properly. */
static void calm(struct sim *sim, struct sim_config *c)
{
  (void)sim;
  c->crash_within = 0;
  c->operations = 60;
  c->lives = 8;
  c->recover_in_256 = 96;
  c->reopen_in_256 = 160;
}

/* Intervals of more pieces than a record can list: commits by a root, while others
 * write, zero and ask for checkpoints. */
static void scattered(struct sim *sim, struct sim_config *c)
{
  c->format.block_bytes = 4096;
  c->format.size_bytes = 4096 * (700 + sim_below(sim, 500));
  c->format.log_bytes = 16 * 4096; /* records of two atoms: 252 entries */
  c->options.buffer_bytes = 4096 * PICK(sim, 4, 8, 16, 2048);
  c->cell_bytes = 4096;
  c->lives = 4;
  c->clients = (unsigned)PICK(sim, 2, 3);
  c->operations = 1200;
  c->crash_within = PICK(sim, 2500, 5000);
  c->huge = false;
  c->hot_units = 0;
  c->weights =
    (struct sim_weights){ .write = 600, .zero = 6, .trim = 2, .read = 2, .checkpoint = 1 };
  c->scattered = true;
}

/* A map of several leaves: requests gather where one leaf ends and the next begins. */
static void wide(struct sim *sim, struct sim_config *c)
{
  c->format.block_bytes = 4096;
  c->leaf_bytes = UINT64_C(4096) * 8 / 2 * 4096;
  c->format.size_bytes = c->leaf_bytes * (1 + sim_below(sim, 2)) + 4096 * (1 + sim_below(sim, 64));
  c->options.buffer_bytes = 4096 * PICK(sim, 4, 16, 64);
  c->cell_bytes = 512;
  c->lives = 12;
  c->huge = false;
  c->recover_in_256 = 12;
}

static const struct {
  const char *name;
  void (*turn)(struct sim *sim, struct sim_config *c);
} scenarios[] = {
  { "plain", plain },     { "crowd", crowd },   { "recovery", recovery }, { "errors", errors },
  { "damage", damage },   { "kill", kill },     { "atoms", atoms },       { "full", full },
  { "calm", calm },       { "scattered", scattered },                  { "wide", wide },
};

enum { SLOW = 2, SLOW_ONCE_IN = 61 }; /* the last ones, in turn */

static unsigned scenario_count(void)
{
  return sizeof scenarios / sizeof *scenarios;
}

const char *sim_scenario_of(uint64_t seed)
{
  unsigned fast = scenario_count() - SLOW;

  if (seed % SLOW_ONCE_IN == 0)
    return scenarios[fast + seed / SLOW_ONCE_IN % SLOW].name;
  return scenarios[seed % fast].name;
}

bool sim_scenario_config(const char *name, struct sim *sim, struct sim_config *c)
{
  unsigned i = 0;

  while (i < scenario_count() && strcmp(scenarios[i].name, name) != 0)
    i++;
  if (i == scenario_count())
    return false;
  memset(c, 0, sizeof *c);
  pick_store(sim, c);
  pick_run(sim, c);
  scenarios[i].turn(sim, c);
  c->device.size_bytes = up(c->device.size_bytes, c->device.unit_bytes);
  return true;
}

/* ---- faults ------------------------------------------------------------------------- */

bool sim_scenario_fault(const char *name, struct sim_config *c)
{
  struct sim_device_lies *lies = &c->device.lies;
  struct sim_frauds *frauds = &c->frauds;
  const struct {
    const char *name;
    bool *switched;
  } faults[] = {
    { "flush", &lies->flush },         { "drop", &lies->drop },
    { "early", &lies->early },         { "uncached", &lies->uncached },
    { "unit", &lies->unit },           { "misplaced", &lies->misplaced },
    { "split", &frauds->split },       { "skip", &frauds->skip },
    { "wakes", &frauds->wakes },
  };

  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
    if (strcmp(faults[i].name, name) == 0)
      return *faults[i].switched = true;
  return false;
}
