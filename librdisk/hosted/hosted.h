/* SPDX-License-Identifier: BSD-3-Clause */
/* hosted.h - what the files of the public interface share.  Internal.
 *
 *   rdisk.c   open and close             env.c    the core's hooks, the background thread
 *   call.c    requests, checkpoints      async.c  their asynchronous forms
 *   info.c    what there is to know      lock.c   who may have a store open; fork
 *   create.c  making a store             check.c  checking one
 */
#ifndef HOSTED_HOSTED_H
#define HOSTED_HOSTED_H

#include <pthread.h>

#include "backends/linux.h"
#include "hosted/error.h"
#include "hosted/lock.h"
#include "rdisk-core.h"
#include "rdisk.h"

/* The core's hooks on threads: one mutex, a condition a channel. */
struct hosted_env {
  struct rdisk_env env; /* for the core */
  pthread_mutex_t lock;
  pthread_cond_t channels[RDISK_CHANNELS];
  const char *path; /* for messages */
  rdisk_log_fn *log;
  void *opaque; /* the user's */

  /* The background thread. */
  pthread_t thread;
  pthread_cond_t kicked;
  bool due;     /* a kick has not been answered yet */
  bool waiting; /* the thread sleeps on `kicked` */
  bool resting; /* ... without a time limit */
  bool active;  /* a commit was made since it last looked */
  bool stop;
  struct rdisk_core *core;
};

struct async;

struct rdisk {
  struct rdisk_core *core;
  unsigned generation; /* of the process that opened it: see lock.h */
  struct hosted_env hosted;
  struct linux_io *file;
  struct store_lock locked;
  struct async *async;
};

void hosted_env_init(struct hosted_env *hosted, const char *path, rdisk_log_fn *log,
                     void *opaque);
void hosted_env_destroy(struct hosted_env *hosted);
/* Run CORE's background work in a thread of its own, until stopped. */
int hosted_background_start(struct hosted_env *hosted, struct rdisk_core *core);
void hosted_background_stop(struct hosted_env *hosted);
/* A thread that takes no signals: those belong to the program. */
int hosted_thread(pthread_t *thread, void *(*run)(void *), void *argument);

/* Calls waiting for worker threads. */
struct async *async_new(struct rdisk *store);
void async_finish(struct async *async); /* waits for them all */

/* Copy a struct whose first member is struct_bytes, from a caller of any version:
 * what he lacks is zero; what we lack must be zero.  EINVAL with a line. */
int options_take(void *known, size_t known_bytes, const void *given, const char *operation);
/* The other way: fill the caller's struct as far as it goes. */
int options_give(void *wanted, const void *known, size_t known_bytes, const char *operation);

/* Refuse a call on no store, or on a parent's. */
int hosted_refuse(const struct rdisk *store, const char *operation);

static inline int hosted_enter(const struct rdisk *store, const char *operation)
{
  if (__builtin_expect(store && store->generation == lock_generation, 1))
    return 0;
  return hosted_refuse(store, operation);
}

#endif
