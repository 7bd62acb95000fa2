/* SPDX-License-Identifier: BSD-3-Clause */
/* env.c - the core's hooks on POSIX threads, and the thread that does its
 * background work.
 *
 * Memory.  Large pieces (the core's tables are sized by the disk, a thousandth of
 * it and less) come from mmap: what is never touched costs nothing.
 *
 * The background thread calls the core while there is work and sleeps until the
 * next kick.  A kick is a flag and, only if the thread sleeps, a signal: most kicks
 * come while it works.  A second after the last commit, if nothing else has
 * happened, it lets the core tidy up, once; then it rests: an idle store uses no
 * CPU.  (The core wakes the commit's channel at each commit: that is the sign.) */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "hosted/hosted.h"

enum { MAP_BYTES = 1 << 20, PAGE = 4096 };

/* ---- hooks ---------------------------------------------------------------------------- */

static void *env_alloc(void *opaque, size_t bytes)
{
  void *memory;

  (void)opaque;
  if (bytes >= MAP_BYTES) {
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
  }
  if (bytes < PAGE)
    return calloc(1, bytes ? bytes : 1);
  if (posix_memalign(&memory, PAGE, bytes) != 0)
    return NULL;
  return memset(memory, 0, bytes);
}

static void env_release(void *opaque, void *memory, size_t bytes)
{
  (void)opaque;
  if (memory && bytes >= MAP_BYTES)
    munmap(memory, bytes);
  else
    free(memory);
}

static void env_lock(void *opaque)
{
  pthread_mutex_lock(&((struct hosted_env *)opaque)->lock);
}

static void env_unlock(void *opaque)
{
  pthread_mutex_unlock(&((struct hosted_env *)opaque)->lock);
}

static void env_wait(void *opaque, enum rdisk_channel channel)
{
  struct hosted_env *hosted = opaque;

  pthread_cond_wait(&hosted->channels[channel], &hosted->lock);
}

static void env_wake(void *opaque, enum rdisk_channel channel)
{
  struct hosted_env *hosted = opaque;

  pthread_cond_broadcast(&hosted->channels[channel]);
  if (channel == RDISK_CHANNEL_COMMIT) {
    hosted->active = true;
    if (hosted->resting)
      pthread_cond_signal(&hosted->kicked);
  }
}

static void env_kick(void *opaque)
{
  struct hosted_env *hosted = opaque;

  hosted->due = true;
  if (hosted->waiting)
    pthread_cond_signal(&hosted->kicked);
}

static uint64_t env_time_s(void *opaque)
{
  (void)opaque;
  return (uint64_t)time(NULL);
}

static void env_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  struct hosted_env *hosted = opaque;

  if (hosted->log)
    hosted->log(hosted->opaque, level, line);
}

/* The core does not know where its store is; say it: "open: no memory" becomes
 * "open PATH: no memory". */
static void env_error(void *opaque, int code, const char *line)
{
  const char *path = ((struct hosted_env *)opaque)->path;
  size_t word = strcspn(line, " :");

  if (line[word] == ':')
    error_set(code, "%.*s %s%s", (int)word, line, path, line + word);
  else
    error_set(code, "%s: %s", path, line);
}

void hosted_env_init(struct hosted_env *hosted, const char *path, rdisk_log_fn *log,
                     void *opaque)
{
  pthread_condattr_t monotonic;

  memset(hosted, 0, sizeof *hosted);
  hosted->env = (struct rdisk_env){
    .opaque = hosted,
    .alloc = env_alloc,
    .release = env_release,
    .lock = env_lock,
    .unlock = env_unlock,
    .wait = env_wait,
    .wake = env_wake,
    .kick = env_kick,
    .time_s = env_time_s,
    .log = env_log,
    .error = env_error,
  };
  hosted->path = path;
  hosted->log = log;
  hosted->opaque = opaque;
  pthread_mutex_init(&hosted->lock, NULL);
  for (int i = 0; i < RDISK_CHANNELS; i++)
    pthread_cond_init(&hosted->channels[i], NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&hosted->kicked, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

void hosted_env_destroy(struct hosted_env *hosted)
{
  pthread_cond_destroy(&hosted->kicked);
  for (int i = 0; i < RDISK_CHANNELS; i++)
    pthread_cond_destroy(&hosted->channels[i]);
  pthread_mutex_destroy(&hosted->lock);
}

/* ---- the background thread -------------------------------------------------------------- */

int hosted_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
  sigset_t all, old;
  int err;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  err = pthread_create(thread, NULL, run, argument);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return err;
}

/* Sleep for a second, or until a kick.  True: the second has passed. */
static bool sleep_a_second(struct hosted_env *hosted)
{
  struct timespec until;
  int err = 0;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec++;
  while (!hosted->due && !hosted->stop && err != ETIMEDOUT)
    err = pthread_cond_timedwait(&hosted->kicked, &hosted->lock, &until);
  return err == ETIMEDOUT;
}

/* Sleep until there is work (false) or it is time to tidy up (true). */
static bool sleep_until_kick(struct hosted_env *hosted)
{
  bool tidy = false;

  hosted->waiting = true;
  while (!hosted->due && !hosted->stop && !tidy) {
    if (hosted->active) {
      hosted->active = false;
      tidy = sleep_a_second(hosted) && !hosted->active;
    } else {
      hosted->resting = true;
      pthread_cond_wait(&hosted->kicked, &hosted->lock);
      hosted->resting = false;
    }
  }
  hosted->waiting = false;
  return tidy;
}

static void work(struct hosted_env *hosted, bool tidy)
{
  hosted->due = false;
  pthread_mutex_unlock(&hosted->lock);
  if (tidy)
    rdisk_core_idle(hosted->core);
  while (rdisk_core_background(hosted->core))
    ;
  pthread_mutex_lock(&hosted->lock);
}

static void *background(void *opaque)
{
  struct hosted_env *hosted = opaque;
  bool tidy = false;

  pthread_setname_np(pthread_self(), "rdisk");
  pthread_mutex_lock(&hosted->lock);
  while (!hosted->stop) {
    work(hosted, tidy);
    tidy = sleep_until_kick(hosted);
  }
  pthread_mutex_unlock(&hosted->lock);
  return NULL;
}

int hosted_background_start(struct hosted_env *hosted, struct rdisk_core *core)
{
  int err;

  hosted->core = core;
  err = hosted_thread(&hosted->thread, background, hosted);
  if (err == 0)
    return 0;
  return error_set(RDISK_ENOMEM, "open %s: cannot start a thread: %s; raise the limit of threads",
                   hosted->path, strerror(err));
}

void hosted_background_stop(struct hosted_env *hosted)
{
  pthread_mutex_lock(&hosted->lock);
  hosted->stop = true;
  pthread_cond_signal(&hosted->kicked);
  pthread_mutex_unlock(&hosted->lock);
  pthread_join(hosted->thread, NULL);
}
