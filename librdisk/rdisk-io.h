/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk-io.h - what librdisk's core asks of a device.
 *
 * A backend embeds struct rdisk_io and fills it in: Linux files and block
 * devices (backends/linux.c), memory (backends/memory.c), the simulator, a
 * driver in the kernel's user land.  Freestanding.
 *
 * Contract.
 *  - Offsets and lengths of the core's writes are multiples of unit_bytes, and
 *    its buffers are aligned to 4096.  Reads of superblock and roots are 4096
 *    bytes, reads made for a caller's buffer have the caller's alignment: a
 *    backend must take both.
 *  - A write is durable when a flush that began after the write completed has
 *    returned 0.  Before that any unit of it may be lost, kept or garbage, in
 *    any order with other writes.
 *  - A read sees every write that completed before it began.
 *  - RDISK_IO_UNCACHED reads must come from the device, past any host cache.
 *  - Results are 0 or a negative RDISK_E... code.  RDISK_ENOSPC from a write
 *    promises that retrying it later is safe; after any other error the
 *    contents of the range are unknown.
 */
#ifndef RDISK_IO_H
#define RDISK_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rdisk_io_op {
  RDISK_IO_READ = 1,
  RDISK_IO_WRITE = 2,
  RDISK_IO_FLUSH = 3,   /* offset, length and iov unused */
  RDISK_IO_DISCARD = 4, /* length bytes at offset may give up their space; contents
                           are undefined afterwards */
  RDISK_IO_RESERVE = 5  /* have space for length bytes at offset, so that writes
                           there cannot fail with ENOSPC; contents unchanged */
};

enum { RDISK_IO_UNCACHED = 1u << 0 };

/* Same shape as POSIX struct iovec. */
struct rdisk_iovec {
  void *base;
  size_t length;
};

enum { RDISK_IOV_MAX = 256 }; /* the longest iov the core makes */

/* One transfer.  Owned by the core; the backend may use `link` and `scratch`
 * from submit until it is reaped. */
struct rdisk_iocb {
  enum rdisk_io_op op;
  uint32_t flags; /* RDISK_IO_UNCACHED */
  uint64_t offset;
  uint64_t length; /* sum of the iov's lengths for READ and WRITE */
  const struct rdisk_iovec *iov;
  unsigned iov_count;
  int result;               /* set when done */
  void *owner;              /* the core's */
  struct rdisk_iocb *link;  /* the backend's */
  uint64_t scratch;         /* the backend's */
};

struct rdisk_io;
struct rdisk_ioq; /* a queue of asynchronous transfers, the backend's */

struct rdisk_io_ops {
  const char *name; /* for people: "io_uring", "pread/pwrite", "memory" */

  /* Do one transfer and return its result (also in iocb->result).  From any
   * thread, many at once. */
  int (*run)(struct rdisk_io *io, struct rdisk_iocb *iocb);

  /* A queue for up to DEPTH transfers under way.  One thread uses a queue at a
   * time; several queues may be in use at once. */
  int (*queue_open)(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **queue);
  void (*queue_close)(struct rdisk_io *io, struct rdisk_ioq *queue);
  /* Start COUNT transfers.  Never fails: a transfer that cannot be started is
   * reaped with its error.  Transfers of a queue may be done in any order. */
  void (*submit)(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count);
  /* Wait until at least MIN transfers are done (0: do not wait), store up to
   * MAX of them, return how many. */
  unsigned (*reap)(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max,
                   unsigned min);

  /* The core's write buffers lie in these bytes: a backend may register them.
   * NULL: of no use.  Called once, before the first queue is opened. */
  void (*buffers)(struct rdisk_io *io, void *base, size_t length_bytes);
};

struct rdisk_io {
  const struct rdisk_io_ops *ops;
  uint64_t size_bytes;  /* of the device; UINT64_MAX: grows as it is written */
  uint32_t unit_bytes;  /* atomic unit for D9: 4096, or more if the device says so */
  bool discards;        /* DISCARD gives space back */
  bool reserves;        /* RESERVE does something; else the core leaves it out */
  bool read_only;
};

#endif
