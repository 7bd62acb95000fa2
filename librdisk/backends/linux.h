/* SPDX-License-Identifier: BSD-3-Clause */
/* linux.h - the backend for regular files and block devices.  Internal.
 *
 * Two descriptors for one inode: direct_fd (O_DIRECT) writes and does reads that
 * must come from the device; cached_fd serves ordinary reads from the page cache,
 * with the kernel's readahead.  The kernel drops the cached pages of a range that
 * a direct write touches, so the two agree.  Where the file system refuses direct
 * I/O the same descriptors are used without O_DIRECT.
 *
 * linux-file.c opens and measures; linux-run.c does one transfer; linux-plain.c is
 * the queue that runs transfers where they are submitted, linux-uring.c the one
 * that hands them to io_uring.
 */
#ifndef BACKENDS_LINUX_H
#define BACKENDS_LINUX_H

#include <liburing.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "rdisk-io.h"
#include "rdisk.h"

struct linux_io {
  struct rdisk_io io; /* first */
  char *path;         /* for messages */
  int direct_fd;      /* writes, flushes and uncached reads; carries the lock */
  int cached_fd;      /* ordinary reads */
  bool device;        /* a block device */
  atomic_bool direct; /* direct_fd has O_DIRECT */
  atomic_uint full;   /* failures for want of room, so that few of them are logged */
  void *arena;        /* the core's write buffers */
  size_t arena_bytes;
  rdisk_log_fn *log;
  void *log_opaque;
};

enum {
  LINUX_READ_ONLY = 1u << 0,
  LINUX_NO_URING = 1u << 1,
  LINUX_BUFFERED = 1u << 2 /* no direct I/O */
};

/* Open PATH (a regular file or a block device; a device is claimed for us alone
 * unless LINUX_READ_ONLY).  Codes as rdisk_open, with a line in
 * rdisk_last_error() that begins with OPERATION. */
int linux_io_open(const char *operation, const char *path, unsigned flags, rdisk_log_fn *log,
                  void *log_opaque, struct linux_io **file);
/* The same for a descriptor, which is the backend's from then on, or closed on
 * failure.  PATH is for messages. */
int linux_io_wrap(const char *operation, int fd, const char *path, unsigned flags,
                  rdisk_log_fn *log, void *log_opaque, struct linux_io **file);
void linux_io_close(struct linux_io *file);

/* Bytes that the file takes on its file system; 0 for a device. */
uint64_t linux_io_allocated(const struct linux_io *file);

void linux_log(const struct linux_io *file, enum rdisk_log_level level, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

/* linux-run.c.  linux_transfer goes on with a READ or WRITE after DONE bytes. */
int linux_run(struct rdisk_io *io, struct rdisk_iocb *iocb);
int linux_transfer(struct linux_io *file, struct rdisk_iocb *iocb, uint64_t done);
/* Log the failure of IOCB after DONE bytes and return its code. */
int linux_fail(struct linux_io *file, const struct rdisk_iocb *iocb, uint64_t done, int err);
/* Is IOCB a read that io_uring must not do by itself: unaligned, or past a cache
 * that cannot be bypassed? */
bool linux_needs_care(const struct linux_io *file, const struct rdisk_iocb *iocb);

/* linux-plain.c.  A queue; those without a ring do everything in submit. */
struct rdisk_ioq {
  struct linux_io *file;
  struct rdisk_iocb *done, **done_end; /* finished, not reaped: linked in order */
  bool ring_open;
  unsigned writes;    /* given to the ring so far */
  bool fixed;         /* the arena is registered with the ring */
  unsigned depth;     /* transfers the ring has room for */
  unsigned under_way; /* in the ring */
  struct io_uring ring;
};

extern const struct rdisk_io_ops linux_plain_ops;
int linux_plain_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **queue);
void linux_plain_close(struct rdisk_io *io, struct rdisk_ioq *queue);
void linux_plain_submit(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count);
unsigned linux_plain_reap(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max,
                          unsigned min);
void linux_queue_done(struct rdisk_ioq *queue, struct rdisk_iocb *iocb, int result);
void linux_buffers(struct rdisk_io *io, void *base, size_t length_bytes);

/* linux-uring.c. */
extern const struct rdisk_io_ops linux_uring_ops;

static inline struct linux_io *linux_io_of(struct rdisk_io *io)
{
  return (struct linux_io *)io;
}

#endif
