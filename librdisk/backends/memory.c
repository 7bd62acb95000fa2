/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - a device in memory.
 *
 * Everything is done in submit and in the caller's thread; a discard zeroes, so
 * that a use of discarded bytes shows.  Opening and closing of queues is the
 * caller's to serialise, as everywhere; transfers are not. */
#include "memory.h"

static struct memory_io *memory_of(struct rdisk_io *io)
{
  return (struct memory_io *)io;
}

static void copy(struct memory_io *memory, const struct rdisk_iocb *iocb)
{
  unsigned char *at = memory->base + iocb->offset;

  for (unsigned i = 0; i < iocb->iov_count; i++) {
    const struct rdisk_iovec *v = &iocb->iov[i];

    if (iocb->op == RDISK_IO_WRITE)
      __builtin_memcpy(at, v->base, v->length);
    else
      __builtin_memcpy(v->base, at, v->length);
    at += v->length;
  }
}

static int transfer(struct memory_io *memory, const struct rdisk_iocb *iocb)
{
  uint64_t size = memory->io.size_bytes;

  if (iocb->op != RDISK_IO_READ && memory->fail_with)
    return memory->fail_with;
  if (iocb->op == RDISK_IO_FLUSH)
    return 0;
  if (iocb->offset > size || iocb->length > size - iocb->offset)
    return RDISK_ERANGE;
  if (iocb->op == RDISK_IO_READ || iocb->op == RDISK_IO_WRITE)
    copy(memory, iocb);
  else if (iocb->op == RDISK_IO_DISCARD)
    __builtin_memset(memory->base + iocb->offset, 0, iocb->length);
  return 0;
}

static int memory_run(struct rdisk_io *io, struct rdisk_iocb *iocb)
{
  return iocb->result = transfer(memory_of(io), iocb);
}

static int memory_queue_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **queue)
{
  struct memory_io *memory = memory_of(io);

  (void)depth;
  for (unsigned i = 0; i < MEMORY_QUEUES; i++) {
    struct rdisk_ioq *q = &memory->queues[i];

    if (q->memory)
      continue;
    q->memory = memory;
    q->done = NULL;
    q->done_end = &q->done;
    *queue = q;
    return 0;
  }
  return RDISK_ENOMEM;
}

static void memory_queue_close(struct rdisk_io *io, struct rdisk_ioq *queue)
{
  (void)io;
  queue->memory = NULL;
}

static void memory_submit(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    memory_run(&queue->memory->io, iocbs[i]);
    iocbs[i]->link = NULL;
    *queue->done_end = iocbs[i];
    queue->done_end = &iocbs[i]->link;
  }
}

static unsigned memory_reap(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max,
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

static const struct rdisk_io_ops memory_ops = {
  .name = "memory",
  .run = memory_run,
  .queue_open = memory_queue_open,
  .queue_close = memory_queue_close,
  .submit = memory_submit,
  .reap = memory_reap,
};

void memory_io_init(struct memory_io *memory, void *base, uint64_t size_bytes,
                    uint32_t unit_bytes)
{
  *memory = (struct memory_io){ 0 };
  memory->base = base;
  memory->io.ops = &memory_ops;
  memory->io.size_bytes = size_bytes;
  memory->io.unit_bytes = unit_bytes;
  memory->io.discards = true;
}
