/* SPDX-License-Identifier: BSD-3-Clause */
/* async.c - the asynchronous calls: a queue, first in first out, and a few worker
 * threads that make the synchronous ones.
 *
 * The workers start with the first call.  Calls that are done leave their memory
 * on a free list.  A call counts as under way until its completion function has
 * returned, and that function may start further ones: closing waits until the
 * count is zero, so whatever completion starts is waited for too. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hosted/hosted.h"

enum { WORKERS = 4 };

enum async_op { ASYNC_READ, ASYNC_WRITE, ASYNC_ZERO, ASYNC_TRIM, ASYNC_CHECKPOINT };

struct call {
  struct call *next;
  enum async_op op;
  uint32_t flags;
  union {
    void *in;
    const void *out;
  } buffer;
  uint64_t count, offset;
  rdisk_complete_fn *complete;
  void *opaque;
};

struct async {
  struct rdisk *store;
  pthread_mutex_t lock;
  pthread_cond_t work, idle;
  struct call *first, **last; /* waiting */
  struct call *spare;
  unsigned under_way; /* waiting or being made */
  unsigned workers;
  bool stop;
  pthread_t threads[WORKERS];
};

struct async *async_new(struct rdisk *store)
{
  struct async *async = calloc(1, sizeof *async);

  if (!async)
    return NULL;
  async->store = store;
  async->last = &async->first;
  pthread_mutex_init(&async->lock, NULL);
  pthread_cond_init(&async->work, NULL);
  pthread_cond_init(&async->idle, NULL);
  return async;
}

/* ---- workers ------------------------------------------------------------------------ */

static int make(struct rdisk *store, const struct call *call)
{
  switch (call->op) {
  case ASYNC_READ:
    return rdisk_read(store, call->buffer.in, call->count, call->offset);
  case ASYNC_WRITE:
    return rdisk_write(store, call->buffer.out, call->count, call->offset, call->flags);
  case ASYNC_ZERO:
    return rdisk_zero(store, call->count, call->offset, call->flags);
  case ASYNC_TRIM:
    return rdisk_trim(store, call->count, call->offset, call->flags);
  case ASYNC_CHECKPOINT:
    return rdisk_checkpoint(store, NULL);
  }
  return RDISK_EINVAL;
}

/* The next call; NULL: stop.  The lock is held. */
static struct call *next_call(struct async *async)
{
  struct call *call;

  while (!async->first && !async->stop)
    pthread_cond_wait(&async->work, &async->lock);
  call = async->first;
  if (!call)
    return NULL;
  async->first = call->next;
  if (!async->first)
    async->last = &async->first;
  return call;
}

static void *worker(void *opaque)
{
  struct async *async = opaque;
  struct call *call;

  pthread_setname_np(pthread_self(), "rdisk-aio");
  pthread_mutex_lock(&async->lock);
  while ((call = next_call(async)) != NULL) {
    pthread_mutex_unlock(&async->lock);
    call->complete(call->opaque, make(async->store, call));
    pthread_mutex_lock(&async->lock);
    call->next = async->spare;
    async->spare = call;
    if (--async->under_way == 0)
      pthread_cond_broadcast(&async->idle);
  }
  pthread_mutex_unlock(&async->lock);
  return NULL;
}

/* Have as many workers as can be had; one will do.  The lock is held. */
static bool start_workers(struct async *async)
{
  while (async->workers < WORKERS &&
         hosted_thread(&async->threads[async->workers], worker, async) == 0)
    async->workers++;
  return async->workers > 0;
}

/* ---- calls ----------------------------------------------------------------------------- */

static struct call *new_call(struct async *async)
{
  struct call *call = async->spare;

  if (!call)
    return malloc(sizeof *call);
  async->spare = call->next;
  return call;
}

static int start(struct rdisk *store, const char *operation, const struct call *wanted)
{
  int code = hosted_enter(store, operation);
  struct call *call = NULL;
  struct async *async;

  if (code < 0)
    return code;
  if (!wanted->complete)
    return error_set(RDISK_EINVAL, "%s %s: no function to call when it is done; give one",
                     operation, store->hosted.path);
  async = store->async;
  pthread_mutex_lock(&async->lock);
  if (async->workers == WORKERS || start_workers(async))
    call = new_call(async);
  if (call) {
    *call = *wanted;
    *async->last = call;
    async->last = &call->next;
    async->under_way++;
    pthread_cond_signal(&async->work);
  }
  pthread_mutex_unlock(&async->lock);
  if (!call)
    return error_set(RDISK_ENOMEM, "%s %s: no memory or threads; free some and try again",
                     operation, store->hosted.path);
  return 0;
}

void async_finish(struct async *async)
{
  struct call *call;

  pthread_mutex_lock(&async->lock);
  while (async->under_way > 0)
    pthread_cond_wait(&async->idle, &async->lock);
  async->stop = true;
  pthread_cond_broadcast(&async->work);
  pthread_mutex_unlock(&async->lock);
  for (unsigned i = 0; i < async->workers; i++)
    pthread_join(async->threads[i], NULL);
  while ((call = async->spare) != NULL) {
    async->spare = call->next;
    free(call);
  }
  pthread_cond_destroy(&async->idle);
  pthread_cond_destroy(&async->work);
  pthread_mutex_destroy(&async->lock);
  free(async);
}

int rdisk_aio_read(struct rdisk *store, void *buffer, size_t count, uint64_t offset,
                   rdisk_complete_fn *complete, void *opaque)
{
  return start(store, "read",
               &(struct call){ .op = ASYNC_READ, .buffer.in = buffer, .count = count,
                               .offset = offset, .complete = complete, .opaque = opaque });
}

int rdisk_aio_write(struct rdisk *store, const void *buffer, size_t count, uint64_t offset,
                    uint32_t flags, rdisk_complete_fn *complete, void *opaque)
{
  return start(store, "write",
               &(struct call){ .op = ASYNC_WRITE, .flags = flags, .buffer.out = buffer,
                               .count = count, .offset = offset, .complete = complete,
                               .opaque = opaque });
}

int rdisk_aio_zero(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags,
                   rdisk_complete_fn *complete, void *opaque)
{
  return start(store, "zero",
               &(struct call){ .op = ASYNC_ZERO, .flags = flags, .count = count,
                               .offset = offset, .complete = complete, .opaque = opaque });
}

int rdisk_aio_trim(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags,
                   rdisk_complete_fn *complete, void *opaque)
{
  return start(store, "trim",
               &(struct call){ .op = ASYNC_TRIM, .flags = flags, .count = count,
                               .offset = offset, .complete = complete, .opaque = opaque });
}

int rdisk_aio_checkpoint(struct rdisk *store, rdisk_complete_fn *complete, void *opaque)
{
  return start(store, "checkpoint",
               &(struct call){ .op = ASYNC_CHECKPOINT, .complete = complete,
                               .opaque = opaque });
}
