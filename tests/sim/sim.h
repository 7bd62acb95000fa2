/* SPDX-License-Identifier: BSD-3-Clause */
/* sim.h - the deterministic simulator's base: random numbers from a seed,
 * coroutines, a trace of what happened, and the report of a violation.
 *
 * Everything that the simulator runs is a coroutine of a struct sim; which one
 * runs next is drawn from the seed, so a seed names one interleaving of clients,
 * device and background work, and the same program repeats it exactly.
 *
 * A simulation ends when its first coroutine (the driver) returns, when it
 * crashes (the device counts down to it), or when a rule is violated.  The
 * other coroutines are then dropped where they stand, as a crash would do.
 * Simulations nest: a coroutine of one may run another.
 */
#ifndef SIM_H
#define SIM_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SIM_COROUTINES = 12,
  SIM_STACK_BYTES = 128 << 10,
  SIM_TRACE_EVENTS = 256,
  SIM_LINE = 640,
  SIM_STEPS_MAX = 2000000 /* more switches than that in one run: a livelock */
};

/* AddressSanitizer looks for the end of the stack before a call that does not
 * return, and there is none that it knows. */
#if defined(__SANITIZE_ADDRESS__)
#define SIM_NORETURN
#else
#define SIM_NORETURN _Noreturn
#endif

enum sim_outcome { SIM_RUNNING, SIM_FINISHED, SIM_CRASHED, SIM_VIOLATED };

struct sim_coroutine {
  void *context;
  char *stack;
  void (*body)(void *argument);
  void *argument;
  const char *name;
  const char *channel; /* what it sleeps for, by name; NULL: it can run */
  bool used;
};

struct sim_event {
  const char *format; /* for four uint64_t */
  uint64_t a, b, c, d;
};

struct sim {
  uint64_t random;
  uint64_t now;          /* ticks: orders the calls of all coroutines */
  unsigned yield_in_256; /* how often a switch point switches */
  uint64_t crash_in;     /* device events until the crash; 0: never */

  struct sim_coroutine coroutines[SIM_COROUTINES];
  struct sim_coroutine *current; /* NULL: the scheduler */
  void *main_context;
  enum sim_outcome outcome;
  uint64_t steps;

  bool verbose; /* print the trace as it grows */
  struct sim_event trace[SIM_TRACE_EVENTS];
  unsigned traced;
  const char *rule; /* of the violation */
  char line[SIM_LINE];
};

void sim_init(struct sim *sim, uint64_t seed);
void sim_free(struct sim *sim);

/* ---- random numbers ------------------------------------------------------ */

uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t limit); /* 0 .. limit-1 */
bool sim_one_in(struct sim *sim, uint64_t n);        /* 0: never */

static inline uint64_t sim_mix(uint64_t x)
{
  x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
  x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
  return x ^ x >> 32;
}

static inline uint64_t sim_tick(struct sim *sim)
{
  return ++sim->now;
}

/* ---- coroutines ----------------------------------------------------------- */

/* The first one spawned is the driver. */
void sim_spawn(struct sim *sim, const char *name, void (*body)(void *), void *argument);
/* Run until the outcome is known; all coroutines are gone afterwards. */
enum sim_outcome sim_run(struct sim *sim);

/* In a coroutine: */
void sim_yield(struct sim *sim);                      /* let another run */
void sim_switch_point(struct sim *sim);               /* perhaps */
void sim_sleep(struct sim *sim, const char *channel); /* until woken */
void sim_wake(struct sim *sim, const char *channel);  /* all that sleep for it */
void sim_device_event(struct sim *sim);               /* a place where it may crash */
SIM_NORETURN void sim_stop(struct sim *sim, enum sim_outcome outcome);

/* ---- trace and violation ---------------------------------------------------- */

void sim_trace(struct sim *sim, const char *format, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d);
void sim_print_trace(const struct sim *sim, unsigned events);

/* A rule ("D1" ..., "contract", "deadlock", ...) is broken: ends the simulation. */
SIM_NORETURN void sim_violate(struct sim *sim, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define sim_require(sim, condition, rule, ...)                                                     \
  ((condition) ? (void)0 : sim_violate(sim, rule, __VA_ARGS__))

#endif
