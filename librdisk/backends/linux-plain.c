/* SPDX-License-Identifier: BSD-3-Clause */
/* linux-plain.c - the queue without io_uring: submit does the work.
 *
 * For file systems whose transfers are copies in memory, for kernels and
 * sandboxes that refuse io_uring, and as the half of every queue that holds what
 * is finished but not reaped. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>

#include "backends/linux.h"

int linux_plain_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **out)
{
  struct rdisk_ioq *queue = calloc(1, sizeof *queue);

  if (!queue)
    return RDISK_ENOMEM;
  queue->file = linux_io_of(io);
  queue->depth = depth;
  queue->done_end = &queue->done;
  *out = queue;
  return 0;
}

void linux_plain_close(struct rdisk_io *io, struct rdisk_ioq *queue)
{
  (void)io;
  assert(!queue->done);
  free(queue);
}

void linux_queue_done(struct rdisk_ioq *queue, struct rdisk_iocb *iocb, int result)
{
  iocb->result = result;
  iocb->link = NULL;
  *queue->done_end = iocb;
  queue->done_end = &iocb->link;
}

void linux_plain_submit(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    linux_queue_done(queue, iocbs[i], linux_run(&queue->file->io, iocbs[i]));
}

unsigned linux_plain_reap(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max,
                          unsigned min)
{
  unsigned n = 0;

  (void)min;
  while (n < max && queue->done) {
    done[n++] = queue->done;
    queue->done = queue->done->link;
  }
  if (!queue->done)
    queue->done_end = &queue->done;
  return n;
}

void linux_buffers(struct rdisk_io *io, void *base, size_t length_bytes)
{
  struct linux_io *file = linux_io_of(io);

  file->arena = base;
  file->arena_bytes = length_bytes;
}

const struct rdisk_io_ops linux_plain_ops = {
  .name = "pread/pwrite",
  .run = linux_run,
  .queue_open = linux_plain_open,
  .queue_close = linux_plain_close,
  .submit = linux_plain_submit,
  .reap = linux_plain_reap,
  .buffers = linux_buffers,
};
