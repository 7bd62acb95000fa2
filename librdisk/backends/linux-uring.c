/* SPDX-License-Identifier: BSD-3-Clause */
/* linux-uring.c - the queue that hands transfers to io_uring.
 *
 * A batch of submit is one system call, a reap at most one.  Reads, writes, flushes
 * and the punching of holes go to the ring; the rest (a device's discard, reads
 * that need care) is done on the spot and reaped from the list of the done.  A
 * transfer that came back short, or that the ring would not do, is finished by
 * linux_transfer.
 *
 * The files are not registered with the ring: a registered file stays open until
 * the kernel has taken a dead process's ring apart, some time after the process is
 * gone, and with it the lock.  An unregistered one is held by transfers under way
 * and nothing else, so the lock of a killed writer ends exactly with its last
 * write.  (Registering saves some 20 ns a transfer.)
 *
 * Where no ring can be had the store goes on without: linux-plain.c. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/falloc.h>
#include <string.h>
#include <time.h>

#include "backends/linux.h"

enum { REAP_BATCH = 64, REGISTER_AFTER = 1024 };

static const struct rdisk_io_ops fallback_ops;

/* ---- open and close ------------------------------------------------------------ */

/* Registered buffers save a sixth of a transfer's CPU time, and pin (so allocate)
 * the whole arena, which takes milliseconds: worth it for a store that is written
 * a good deal, and no cost to opening one. */
static void register_arena(struct rdisk_ioq *queue)
{
  struct iovec arena = { queue->file->arena, queue->file->arena_bytes };
  int r = io_uring_register_buffers(&queue->ring, &arena, 1);

  queue->fixed = r == 0;
  if (r < 0)
    linux_log(queue->file, RDISK_LOG_DEBUG,
              "write %s: write buffers not registered with io_uring (%s)", queue->file->path,
              strerror(-r));
}

static int uring_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **out)
{
  struct linux_io *file = linux_io_of(io);
  struct rdisk_ioq *queue;
  int r = linux_plain_open(io, depth, &queue);

  if (r < 0)
    return r;
  *out = queue;
  r = io_uring_queue_init(depth, &queue->ring, IORING_SETUP_CLAMP);
  if (r == 0) {
    queue->ring_open = true;
    queue->depth = queue->ring.sq.ring_entries;
    return 0;
  }
  linux_log(file, RDISK_LOG_WARNING,
            "open %s: io_uring is not available (%s); using pread and pwrite", file->path,
            strerror(-r));
  io->ops = &fallback_ops;
  return 0;
}

static void uring_close(struct rdisk_io *io, struct rdisk_ioq *queue)
{
  assert(queue->under_way == 0);
  if (queue->ring_open)
    io_uring_queue_exit(&queue->ring);
  linux_plain_close(io, queue);
}

/* ---- submit ---------------------------------------------------------------------- */

/* A single range inside the registered arena? */
static bool in_arena(const struct rdisk_ioq *queue, const struct rdisk_iocb *iocb)
{
  const char *base = iocb->iov[0].base, *next = base, *arena = queue->file->arena;

  for (unsigned i = 0; i < iocb->iov_count; i++) {
    if (iocb->iov[i].base != next)
      return false;
    next += iocb->iov[i].length;
  }
  return base >= arena && next <= arena + queue->file->arena_bytes;
}

static bool ring_can(const struct rdisk_ioq *queue, const struct rdisk_iocb *iocb)
{
  switch (iocb->op) {
  case RDISK_IO_READ:
    return !linux_needs_care(queue->file, iocb);
  case RDISK_IO_WRITE:
  case RDISK_IO_FLUSH:
    return true;
  case RDISK_IO_DISCARD:
    return !queue->file->device;
  default:
    return false;
  }
}

static void prepare(struct rdisk_ioq *queue, struct io_uring_sqe *sqe, struct rdisk_iocb *iocb)
{
  const struct linux_io *file = queue->file;
  const struct iovec *iov = (const struct iovec *)iocb->iov;

  switch (iocb->op) {
  case RDISK_IO_READ:
    io_uring_prep_readv(sqe, iocb->flags & RDISK_IO_UNCACHED ? file->direct_fd : file->cached_fd,
                        iov, iocb->iov_count, iocb->offset);
    break;
  case RDISK_IO_WRITE:
    if (++queue->writes == REGISTER_AFTER && file->arena)
      register_arena(queue);
    if (queue->fixed && iocb->length <= UINT32_MAX && in_arena(queue, iocb))
      io_uring_prep_write_fixed(sqe, file->direct_fd, iov->iov_base, (unsigned)iocb->length,
                                iocb->offset, 0);
    else
      io_uring_prep_writev(sqe, file->direct_fd, iov, iocb->iov_count, iocb->offset);
    break;
  case RDISK_IO_FLUSH:
    io_uring_prep_fsync(sqe, file->direct_fd, IORING_FSYNC_DATASYNC);
    break;
  default:
    io_uring_prep_fallocate(sqe, file->direct_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            (off_t)iocb->offset, (off_t)iocb->length);
    break;
  }
  io_uring_sqe_set_data(sqe, iocb);
}

/* Did the ring only decline (no memory, interrupted, its thread gone, no direct
 * I/O after all), so that doing it here may work?  The failure of a flush is told
 * once and must not be lost by flushing again. */
static bool declined(const struct rdisk_iocb *iocb, int err)
{
  switch (err) {
  case EAGAIN:
  case EINTR:
  case ECANCELED:
    return true;
  default:
    return iocb->op == RDISK_IO_DISCARD ||
           (iocb->op != RDISK_IO_FLUSH && (err == EINVAL || err == ENOMEM || err == EOPNOTSUPP));
  }
}

/* A completion: 0, or bytes moved, or an errno. */
static void complete(struct rdisk_ioq *queue, const struct io_uring_cqe *cqe)
{
  struct rdisk_iocb *iocb = io_uring_cqe_get_data(cqe);
  int result = 0;

  queue->under_way--;
  if (cqe->res < 0)
    result = declined(iocb, -cqe->res) ? linux_run(&queue->file->io, iocb)
                                       : linux_fail(queue->file, iocb, 0, -cqe->res);
  else if (iocb->op == RDISK_IO_READ || iocb->op == RDISK_IO_WRITE)
    result = linux_transfer(queue->file, iocb, (uint64_t)cqe->res);
  linux_queue_done(queue, iocb, result);
}

static void collect(struct rdisk_ioq *queue)
{
  struct io_uring_cqe *cqes[REAP_BATCH];
  unsigned n;

  while ((n = io_uring_peek_batch_cqe(&queue->ring, cqes, REAP_BATCH)) > 0) {
    for (unsigned i = 0; i < n; i++)
      complete(queue, cqes[i]);
    io_uring_cq_advance(&queue->ring, n);
  }
}

static void pause_shortly(void)
{
  struct timespec pause = { .tv_nsec = 100000 };

  nanosleep(&pause, NULL);
}

/* Take back what the kernel has not taken and do it here: only when the ring
 * stops working in mid-course (a sandbox closed around a running program). */
static void take_back(struct rdisk_ioq *queue, int err)
{
  struct io_uring_sq *sq = &queue->ring.sq;
  unsigned head = *sq->khead, count = *sq->ktail - head;

  linux_log(queue->file, RDISK_LOG_WARNING, "write %s: io_uring has failed (%s); going on without",
            queue->file->path, strerror(err));
  for (unsigned i = 0; i < count; i++) {
    struct io_uring_sqe *sqe = &sq->sqes[sq->array[(head + i) & sq->ring_mask]];
    struct rdisk_iocb *iocb = (struct rdisk_iocb *)(uintptr_t)sqe->user_data;

    queue->under_way--;
    linux_queue_done(queue, iocb, linux_run(&queue->file->io, iocb));
  }
  *sq->ktail = head;
  sq->sqe_head = sq->sqe_tail = head;
}

/* Pass the prepared entries to the kernel. */
static void enter(struct rdisk_ioq *queue)
{
  while (io_uring_sq_ready(&queue->ring) > 0) {
    int r = io_uring_submit(&queue->ring);

    if (r >= 0 || r == -EINTR)
      continue;
    if (r != -EAGAIN && r != -EBUSY) {
      take_back(queue, -r);
      return;
    }
    collect(queue); /* the kernel is short of memory or of room for completions */
    pause_shortly();
  }
}

static void uring_submit(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count)
{
  if (!queue->ring_open) {
    linux_plain_submit(queue, iocbs, count);
    return;
  }
  for (unsigned i = 0; i < count; i++) {
    struct io_uring_sqe *sqe;

    if (queue->under_way >= queue->depth || !ring_can(queue, iocbs[i])) {
      linux_plain_submit(queue, &iocbs[i], 1);
      continue;
    }
    sqe = io_uring_get_sqe(&queue->ring);
    assert(sqe);
    prepare(queue, sqe, iocbs[i]);
    queue->under_way++;
  }
  enter(queue);
}

/* ---- reap -------------------------------------------------------------------------- */

static unsigned uring_reap(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max,
                           unsigned min)
{
  unsigned n = 0;

  if (min > max)
    min = max;
  for (;;) {
    struct io_uring_cqe *cqe;
    unsigned missing;
    int r;

    if (queue->under_way > 0)
      collect(queue);
    n += linux_plain_reap(queue, done + n, max - n, 0);
    if (n >= min || queue->under_way == 0)
      return n;
    missing = min - n < queue->under_way ? min - n : queue->under_way;
    r = io_uring_wait_cqe_nr(&queue->ring, &cqe, missing);
    if (r < 0 && r != -EINTR)
      pause_shortly(); /* the ring has failed: completions still appear in memory */
  }
}

const struct rdisk_io_ops linux_uring_ops = {
  .name = "io_uring",
  .run = linux_run,
  .queue_open = uring_open,
  .queue_close = uring_close,
  .submit = uring_submit,
  .reap = uring_reap,
  .buffers = linux_buffers,
};

/* For a store that has been refused a ring; queues opened before may have one. */
static const struct rdisk_io_ops fallback_ops = {
  .name = "pread/pwrite",
  .run = linux_run,
  .queue_open = linux_plain_open,
  .queue_close = uring_close,
  .submit = uring_submit,
  .reap = uring_reap,
  .buffers = linux_buffers,
};
