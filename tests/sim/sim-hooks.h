/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-hooks.h - struct rdisk_env over coroutines: memory, the lock, waiting and
 * waking, the kick of background work. */
#ifndef SIM_HOOKS_H
#define SIM_HOOKS_H

#include "rdisk-core.h"
#include "sim.h"

struct sim_memory; /* a piece that the core holds */

struct sim_hooks {
  struct rdisk_env env;
  struct sim *sim;
  struct sim_coroutine *owner; /* of the lock */
  bool kicked;
  struct sim_memory *memory;
  size_t memory_bytes;
  uint32_t memory_fails; /* once in so many; 0: never */
  bool loses_wakes;      /* a fault that the simulator must see */
  unsigned memory_failures, warnings, errors;
};

void sim_hooks_init(struct sim_hooks *h, struct sim *sim);
/* The core is gone (crashed): its memory, lock and kick with it. */
void sim_hooks_reset(struct sim_hooks *h);
/* The core says that it released everything: it must have. */
void sim_hooks_expect_empty(struct sim_hooks *h);
/* Sleep until background work is due. */
void sim_hooks_await_kick(struct sim_hooks *h);
void sim_hooks_kick(struct sim_hooks *h);

#endif
