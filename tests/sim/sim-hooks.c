/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-hooks.c - see sim-hooks.h.  A piece of memory has its bookkeeping behind
 * its end, where an overrun destroys it and is seen. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim-hooks.h"

#define MEMORY_MAGIC UINT64_C(0x6d656d6f72792121)

struct sim_memory {
  uint64_t magic;
  struct sim_memory *next, **at;
  char *memory;
  size_t bytes;
};

static const char channel_lock[] = "the lock", channel_kick[] = "a kick";
static const char *const channels[RDISK_CHANNELS] = {
  [RDISK_CHANNEL_SPACE] = "space",
  [RDISK_CHANNEL_COMMIT] = "a commit",
  [RDISK_CHANNEL_IO] = "transfers",
};

/* ---- memory -------------------------------------------------------------------- */

static size_t tail_offset(size_t bytes)
{
  return (bytes + 15) & ~(size_t)15;
}

static void *hook_alloc(void *opaque, size_t bytes)
{
  struct sim_hooks *h = opaque;
  size_t align = bytes >= 4096 ? 4096 : 16, tail = tail_offset(bytes);
  struct sim_memory *m;
  char *memory;

  if (sim_one_in(h->sim, h->memory_fails)) {
    h->memory_failures++;
    return NULL;
  }
  memory = aligned_alloc(align, (tail + sizeof *m + align - 1) & ~(align - 1));
  assert(memory != NULL);
  memset(memory, 0, tail);
  m = (struct sim_memory *)(memory + tail);
  *m = (struct sim_memory){ MEMORY_MAGIC, h->memory, &h->memory, memory, bytes };
  if (m->next != NULL)
    m->next->at = &m->next;
  h->memory = m;
  h->memory_bytes += bytes;
  return memory;
}

static void drop_memory(struct sim_hooks *h, struct sim_memory *m)
{
  h->memory_bytes -= m->bytes;
  *m->at = m->next;
  if (m->next != NULL)
    m->next->at = m->at;
  m->magic = 0;
  free(m->memory);
}

static void hook_release(void *opaque, void *memory, size_t bytes)
{
  struct sim_hooks *h = opaque;
  struct sim_memory *m;

  if (memory == NULL)
    return;
  m = (struct sim_memory *)((char *)memory + tail_offset(bytes));
  sim_require(h->sim, m->magic == MEMORY_MAGIC && m->memory == memory && m->bytes == bytes,
              "memory", "%zu bytes released that were overrun or are not that long", bytes);
  drop_memory(h, m);
}

void sim_hooks_expect_empty(struct sim_hooks *h)
{
  sim_require(h->sim, h->memory_bytes == 0, "memory", "%zu bytes were not released",
              h->memory_bytes);
  sim_require(h->sim, h->owner == NULL, "lock", "the lock is still held");
}

/* ---- the lock ------------------------------------------------------------------- */

static void hook_lock(void *opaque)
{
  struct sim_hooks *h = opaque;

  sim_require(h->sim, h->owner != h->sim->current, "lock", "%s locks twice",
              h->sim->current->name);
  sim_switch_point(h->sim);
  while (h->owner != NULL)
    sim_sleep(h->sim, channel_lock);
  h->owner = h->sim->current;
}

static void give_up(struct sim_hooks *h)
{
  sim_require(h->sim, h->owner == h->sim->current, "lock", "%s unlocks what it does not hold",
              h->sim->current->name);
  h->owner = NULL;
  sim_wake(h->sim, channel_lock);
}

static void hook_unlock(void *opaque)
{
  struct sim_hooks *h = opaque;

  give_up(h);
  sim_switch_point(h->sim);
}

static void hook_wait(void *opaque, enum rdisk_channel channel)
{
  struct sim_hooks *h = opaque;

  sim_require(h->sim, channel < RDISK_CHANNELS, "contract", "unknown channel %d", (int)channel);
  give_up(h);
  if (sim_one_in(h->sim, 32))
    sim_yield(h->sim); /* "or earlier" */
  else
    sim_sleep(h->sim, channels[channel]);
  while (h->owner != NULL)
    sim_sleep(h->sim, channel_lock);
  h->owner = h->sim->current;
}

static void hook_wake(void *opaque, enum rdisk_channel channel)
{
  struct sim_hooks *h = opaque;

  sim_require(h->sim, h->owner == h->sim->current, "lock", "%s wakes without the lock",
              h->sim->current->name);
  if (!h->loses_wakes || !sim_one_in(h->sim, 16))
    sim_wake(h->sim, channels[channel]);
}

/* ---- the kick ---------------------------------------------------------------------- */

static void hook_kick(void *opaque)
{
  sim_hooks_kick(opaque);
}

void sim_hooks_kick(struct sim_hooks *h)
{
  h->kicked = true;
  sim_wake(h->sim, channel_kick);
}

void sim_hooks_await_kick(struct sim_hooks *h)
{
  while (!h->kicked)
    sim_sleep(h->sim, channel_kick);
  h->kicked = false;
}

/* ---- the rest ------------------------------------------------------------------------ */

static uint64_t hook_time_s(void *opaque)
{
  return ((struct sim_hooks *)opaque)->sim->now;
}

static void hook_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  struct sim_hooks *h = opaque;

  h->warnings += level == RDISK_LOG_WARNING;
  h->errors += level == RDISK_LOG_ERROR;
  if (h->sim->verbose)
    printf("                  log %d: %s\n", (int)level, line);
}

static void hook_error(void *opaque, int code, const char *line)
{
  struct sim_hooks *h = opaque;

  sim_require(h->sim, code < 0 && line != NULL && line[0] != '\0', "contract",
              "error %d without a line", code);
  if (h->sim->verbose)
    printf("                  error %d: %s\n", code, line);
}

void sim_hooks_init(struct sim_hooks *h, struct sim *sim)
{
  *h = (struct sim_hooks){ .sim = sim };
  h->env = (struct rdisk_env){ .opaque = h,
                               .alloc = hook_alloc,
                               .release = hook_release,
                               .lock = hook_lock,
                               .unlock = hook_unlock,
                               .wait = hook_wait,
                               .wake = hook_wake,
                               .kick = hook_kick,
                               .time_s = hook_time_s,
                               .log = hook_log,
                               .error = hook_error };
}

void sim_hooks_reset(struct sim_hooks *h)
{
  while (h->memory != NULL)
    drop_memory(h, h->memory);
  h->owner = NULL;
  h->kicked = false;
  h->memory_failures = h->warnings = h->errors = 0;
}
