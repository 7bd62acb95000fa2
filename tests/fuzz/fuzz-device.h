/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-device.h - a sparse device in memory over an image that stays as it is,
 * so that each input begins with the same store at no cost, and so that a disk of
 * petabytes is no trouble.  It holds the core to rdisk-io.h: a transfer past the
 * end, a crooked one, a write to what is read-only or to a superblock is a fault.
 */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include "rdisk-core.h"

enum { FUZZ_PAGE = 4096, FUZZ_SLOTS = 1024, FUZZ_QUEUES = 4 };

struct fuzz_page {
  struct fuzz_page *next;
  uint64_t number;
  unsigned char bytes[FUZZ_PAGE];
};

struct fuzz_image {
  struct fuzz_page *slots[FUZZ_SLOTS];
};

struct rdisk_ioq {
  struct fuzz_device *device; /* NULL: free */
  struct rdisk_iocb *done, **done_end;
};

struct fuzz_device {
  struct rdisk_io io; /* first */
  const struct fuzz_image *base; /* NULL: zeroes */
  struct fuzz_image own;
  struct rdisk_ioq queues[FUZZ_QUEUES];
  bool formatting; /* superblocks may be written */
  bool read_only;  /* nothing may be written */
};

void fuzz_device_init(struct fuzz_device *device, const struct fuzz_image *base,
                      uint64_t size_bytes, uint32_t unit_bytes);
void fuzz_device_free(struct fuzz_device *device);
/* As it is now, without its zeroes, as an image. */
void fuzz_device_snapshot(const struct fuzz_device *device, struct fuzz_image *image);

/* For the fuzzer itself: past all checks, but for ranges beyond the end, which read as
 * zero and are not written. */
void fuzz_peek(const struct fuzz_device *device, void *to, size_t bytes, uint64_t offset);
void fuzz_poke(struct fuzz_device *device, const void *from, size_t bytes, uint64_t offset);

#endif
