/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz-env.h"
#include "fuzz.h"

enum { WAITS_MAX = 20000, ROUNDS_MAX = 20000, CODE_MIN = -1000, LINE_MAX_BYTES = 1024 };

static void *hook_alloc(void *opaque, size_t bytes)
{
  struct fuzz_env *e = opaque;
  size_t align = bytes >= 4096 ? 4096 : 16;
  void *memory;

  if (bytes > e->limit_bytes - e->bytes)
    return NULL;
  memory = aligned_alloc(align, (bytes + align - 1) / align * align);
  fuzz_require(memory != NULL, "the fuzzer has no memory");
  memset(memory, 0, bytes);
  e->bytes += bytes;
  return memory;
}

static void hook_release(void *opaque, void *memory, size_t bytes)
{
  struct fuzz_env *e = opaque;

  fuzz_require(memory != NULL && bytes <= e->bytes, "%zu bytes given back that were not had",
               bytes);
  e->bytes -= bytes;
  free(memory);
}

static void hook_lock(void *opaque)
{
  struct fuzz_env *e = opaque;

  fuzz_require(!e->locked, "the lock is taken twice");
  e->locked = true;
}

static void hook_unlock(void *opaque)
{
  struct fuzz_env *e = opaque;

  fuzz_require(e->locked, "the lock is given up by one who does not have it");
  e->locked = false;
}

static void background_round(struct fuzz_env *e)
{
  if (e->core == NULL || e->in_background)
    return;
  e->in_background = true;
  e->kicked = false;
  e->kicked |= rdisk_core_background(e->core);
  e->in_background = false;
}

static void hook_wait(void *opaque, enum rdisk_channel channel)
{
  struct fuzz_env *e = opaque;

  hook_unlock(e);
  fuzz_require(channel < RDISK_CHANNELS, "a wait on channel %d", (int)channel);
  fuzz_require(++e->waits < WAITS_MAX, "a wait on channel %d that never ends", (int)channel);
  background_round(e);
  hook_lock(e);
}

static void hook_wake(void *opaque, enum rdisk_channel channel)
{
  const struct fuzz_env *e = opaque;

  fuzz_require(e->locked && channel < RDISK_CHANNELS, "a wake without the lock");
}

static void hook_kick(void *opaque)
{
  struct fuzz_env *e = opaque;

  e->kicked = true;
}

static uint64_t hook_time_s(void *opaque)
{
  (void)opaque;
  return 1000000000;
}

static void check_line(const char *line)
{
  size_t length = line != NULL ? strlen(line) : 0;

  fuzz_require(length > 0 && length < LINE_MAX_BYTES && strchr(line, '\n') == NULL,
               "a message that is not one line");
}

static void hook_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  (void)opaque;
  (void)level;
  check_line(line);
}

static void hook_error(void *opaque, int code, const char *line)
{
  (void)opaque;
  fuzz_require(code < 0 && code > CODE_MIN, "error %d", code);
  check_line(line);
}

void fuzz_env_init(struct fuzz_env *e, size_t limit_bytes)
{
  *e = (struct fuzz_env){ .limit_bytes = limit_bytes };
  e->env = (struct rdisk_env){ .opaque = e,
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

void fuzz_env_begin_call(struct fuzz_env *e)
{
  e->waits = 0;
}

int fuzz_env_end_call(struct fuzz_env *e, int code)
{
  fuzz_require(code <= 0 && code > CODE_MIN, "a call returned %d", code);
  fuzz_require(!e->locked, "a call ended with the lock held");
  for (unsigned rounds = 0; e->core != NULL && e->kicked; rounds++) {
    fuzz_require(rounds < ROUNDS_MAX, "background work that never ends");
    background_round(e);
  }
  e->kicked = false;
  return code;
}

void fuzz_env_expect_empty(const struct fuzz_env *e)
{
  fuzz_require(e->bytes == 0, "%zu bytes were not given back", e->bytes);
}
