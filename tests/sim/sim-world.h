/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-world.h - a store, its device, its clients and the oracle, for one seed.
 *
 *   sim-scenario.c  from a scenario's name and a seed to a configuration
 *   sim-world.c     lives: open, judge what was found, serve, end or crash, again
 *   sim-workload.c  what the clients do meanwhile
 *   sim-damage.c    flipped bits and lost sectors in a store at rest (D5)
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "rdisk-core.h"
#include "sim-device.h"
#include "sim-hooks.h"
#include "sim-model.h"
#include "sim.h"

enum { SIM_CLIENTS = 4 };

/* Weights of what a client does next. */
struct sim_weights {
  unsigned write, read, zero, trim, checkpoint, drain, extents;
};

/* Faults of the driver itself that the oracle must see. */
struct sim_frauds {
  bool split;      /* a request is handed on in two */
  bool skip;       /* a checkpoint is reported that was never asked for */
  bool wakes;      /* a wake is lost now and then */
};

struct sim_config {
  struct rdisk_core_format format;
  struct rdisk_core_options options;
  struct sim_device_config device;
  uint32_t cell_bytes;
  unsigned lives, clients, operations;
  unsigned yield_in_256;
  uint64_t crash_within; /* device events; 0: a life ends on its own */
  unsigned crash_early_in_256; /* in a life's first events */
  unsigned kill_in_256;  /* a process dies instead of a power cut */
  unsigned reopen_in_256, read_only_in_256, check_in_256, recover_in_256, format_crash_in_256;
  uint32_t memory_fails;
  bool huge;             /* requests up to the whole disk */
  bool scattered;        /* requests of one unit, with a gap between any two */
  uint64_t leaf_bytes;   /* most requests fall around multiples of it; 0: not so */
  unsigned hot_units;    /* most requests fall into so many units; 0: anywhere */
  unsigned damages;      /* bits flipped or sectors lost at the end */
  struct sim_weights weights;
  struct sim_frauds frauds;
};

struct sim_client {
  struct sim_world *world;
  unsigned char *buffer; /* the disk's size, and a few bytes more */
};

struct sim_world {
  struct sim sim;
  struct sim_config config;
  struct sim_device device;
  struct sim_hooks hooks;
  struct sim_model model;
  struct rdisk_core *core;
  uint32_t unit_bytes; /* the store's copy unit */
  unsigned char *disk; /* contents, as read */
  uint64_t read_next;  /* sim_world_read_all's */
  struct sim_client clients[SIM_CLIENTS];
  struct sim_weights weights; /* now */
  unsigned clients_left;
  bool stopping, background_left, background_idle;
  uint64_t recover_begin, recover_end;
  int recover_result;
  bool crashed;       /* since the last open */
  bool formatted;
  bool clean;         /* closed properly, and nothing since */
  uint64_t epoch;
  uint64_t states;    /* crash states opened and judged */
};

/* ---- sim-scenario.c --------------------------------------------------------- */

const char *sim_scenario_of(uint64_t seed); /* where none is asked for */
bool sim_scenario_config(const char *name, struct sim *sim, struct sim_config *config);
/* Break something, by name: a lie of the device or a fraud of the driver. */
bool sim_scenario_fault(const char *name, struct sim_config *config);

/* ---- sim-world.c -------------------------------------------------------------- */

/* Run a seed; false: world->sim.rule and .line say what was violated. */
bool sim_world_run(struct sim_world *w);
void sim_world_init(struct sim_world *w, const struct sim_config *config);
void sim_world_free(struct sim_world *w);

/* Is this error explained by what the device or the memory did? */
bool sim_world_excuses(const struct sim_world *w, int code);
void sim_world_expect(struct sim_world *w, const char *operation, int code);
/* Read all of it into world->disk, with no errors injected. */
void sim_world_read_all(struct sim_world *w);
int sim_world_open(struct sim_world *w, bool read_only);

/* ---- sim-workload.c and sim-damage.c ---------------------------------------------- */

extern const char sim_channel_clients[]; /* woken when the last one is done */
void sim_workload_client(void *client);
void sim_damage(void *world);

#endif
