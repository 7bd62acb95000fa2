/* SPDX-License-Identifier: BSD-3-Clause */
/* sim.c - scheduler, random numbers, trace, violation: see sim.h. */
#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim-switch.h"
#include "sim.h"

static struct sim *starting; /* hands a new coroutine its simulation */

void sim_init(struct sim *sim, uint64_t seed)
{
  memset(sim, 0, sizeof *sim);
  sim->random = sim_mix(seed + UINT64_C(0x9e3779b97f4a7c15));
  sim->yield_in_256 = 64;
}

void sim_free(struct sim *sim)
{
  for (int i = 0; i < SIM_COROUTINES; i++)
    if (sim->coroutines[i].stack != NULL)
      sim_stack_free(sim->coroutines[i].stack, SIM_STACK_BYTES);
}

/* ---- random numbers ------------------------------------------------------- */

uint64_t sim_random(struct sim *sim)
{
  return sim_mix(sim->random += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t sim_below(struct sim *sim, uint64_t limit)
{
  assert(limit != 0);
  return (uint64_t)((unsigned __int128)sim_random(sim) * limit >> 64);
}

bool sim_one_in(struct sim *sim, uint64_t n)
{
  return n != 0 && sim_below(sim, n) == 0;
}

/* ---- coroutines ------------------------------------------------------------- */

static void entry(void)
{
  struct sim *sim = starting;
  struct sim_coroutine *self = sim->current;

  self->body(self->argument);
  if (self == &sim->coroutines[0])
    sim_stop(sim, SIM_FINISHED);
  self->used = false;
  sim_yield(sim);
  assert(!"a coroutine came back from its end");
}

void sim_spawn(struct sim *sim, const char *name, void (*body)(void *), void *argument)
{
  struct sim_coroutine *c = sim->coroutines;

  while (c->used)
    c++;
  assert(c < sim->coroutines + SIM_COROUTINES);
  if (c->stack == NULL)
    c->stack = sim_stack_new(SIM_STACK_BYTES);
  c->context = sim_context_new(c->stack, SIM_STACK_BYTES, entry);
  c->body = body;
  c->argument = argument;
  c->name = name;
  c->channel = NULL;
  c->used = true;
}

/* Everyone sleeps: nothing will ever wake them. */
static void deadlock(struct sim *sim)
{
  size_t at = (size_t)snprintf(sim->line, sizeof sim->line, "all sleep:");

  for (int i = 0; i < SIM_COROUTINES; i++) {
    const struct sim_coroutine *c = &sim->coroutines[i];

    if (c->used && at < sizeof sim->line)
      at += (size_t)snprintf(sim->line + at, sizeof sim->line - at, " %s for %s", c->name,
                             c->channel);
  }
  sim->rule = "deadlock";
  sim->outcome = SIM_VIOLATED;
}

static struct sim_coroutine *choose(struct sim *sim)
{
  struct sim_coroutine *ready[SIM_COROUTINES];
  unsigned count = 0;

  for (int i = 0; i < SIM_COROUTINES; i++)
    if (sim->coroutines[i].used && sim->coroutines[i].channel == NULL)
      ready[count++] = &sim->coroutines[i];
  return count ? ready[count == 1 ? 0 : sim_below(sim, count)] : NULL;
}

static bool too_long(struct sim *sim)
{
  if (++sim->steps < SIM_STEPS_MAX)
    return false;
  sim->rule = "livelock";
  snprintf(sim->line, sizeof sim->line, "no end after %u switches", SIM_STEPS_MAX);
  sim->outcome = SIM_VIOLATED;
  return true;
}

enum sim_outcome sim_run(struct sim *sim)
{
  sim->outcome = SIM_RUNNING;
  sim->steps = 0;
  while (sim->outcome == SIM_RUNNING && !too_long(sim)) {
    sim->current = choose(sim);
    if (sim->current == NULL) {
      deadlock(sim);
      break;
    }
    starting = sim;
    sim_context_switch(&sim->main_context, sim->current->context);
  }
  sim->current = NULL;
  for (int i = 0; i < SIM_COROUTINES; i++)
    sim->coroutines[i].used = false;
  return sim->outcome;
}

void sim_yield(struct sim *sim)
{
  sim_context_switch(&sim->current->context, sim->main_context);
}

void sim_switch_point(struct sim *sim)
{
  if ((sim_random(sim) & 255) < sim->yield_in_256)
    sim_yield(sim);
}

void sim_sleep(struct sim *sim, const char *channel)
{
  sim->current->channel = channel;
  sim_yield(sim);
}

void sim_wake(struct sim *sim, const char *channel)
{
  for (int i = 0; i < SIM_COROUTINES; i++)
    if (sim->coroutines[i].channel == channel)
      sim->coroutines[i].channel = NULL;
}

void sim_device_event(struct sim *sim)
{
  if (sim->crash_in != 0 && --sim->crash_in == 0)
    sim_stop(sim, SIM_CRASHED);
}

void sim_stop(struct sim *sim, enum sim_outcome outcome)
{
  sim->outcome = outcome;
  sim_yield(sim);
  assert(!"a stopped simulation went on");
  __builtin_unreachable();
}

/* ---- trace and violation ------------------------------------------------------ */

static void print_event(const struct sim *sim, const struct sim_event *e)
{
  (void)sim;
  printf(e->format, e->a, e->b, e->c, e->d);
  putchar('\n');
}

void sim_trace(struct sim *sim, const char *format, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d)
{
  struct sim_event *e = &sim->trace[sim->traced++ % SIM_TRACE_EVENTS];

  *e = (struct sim_event){ format, a, b, c, d };
  if (sim->verbose) {
    printf("%6" PRIu64 " %-10s ", sim->now, sim->current ? sim->current->name : "-");
    print_event(sim, e);
  }
}

void sim_print_trace(const struct sim *sim, unsigned events)
{
  unsigned from = sim->traced > events ? sim->traced - events : 0;

  if (sim->traced > SIM_TRACE_EVENTS && from < sim->traced - SIM_TRACE_EVENTS)
    from = sim->traced - SIM_TRACE_EVENTS;
  for (unsigned i = from; i < sim->traced; i++)
    print_event(sim, &sim->trace[i % SIM_TRACE_EVENTS]);
}

void sim_violate(struct sim *sim, const char *rule, const char *format, ...)
{
  va_list list;

  va_start(list, format);
  vsnprintf(sim->line, sizeof sim->line, format, list);
  va_end(list);
  sim->rule = rule;
  assert(sim->current != NULL);
  sim_stop(sim, SIM_VIOLATED);
}
