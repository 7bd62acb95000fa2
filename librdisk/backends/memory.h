/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - a device in memory, for tests and for systems that have no other.
 * Freestanding.  Internal. */
#ifndef BACKENDS_MEMORY_H
#define BACKENDS_MEMORY_H

#include "rdisk-io.h"
#include "rdisk.h"

enum { MEMORY_QUEUES = 8 };

struct rdisk_ioq {
  struct memory_io *memory; /* NULL: free */
  struct rdisk_iocb *done, **done_end;
};

struct memory_io {
  struct rdisk_io io; /* first */
  unsigned char *base;
  struct rdisk_ioq queues[MEMORY_QUEUES];
  int fail_with; /* every transfer but reads fails with this code; 0: none */
};

/* Make MEMORY a device of SIZE_BYTES at BASE, which stay the caller's. */
void memory_io_init(struct memory_io *memory, void *base, uint64_t size_bytes,
                    uint32_t unit_bytes);

#endif
