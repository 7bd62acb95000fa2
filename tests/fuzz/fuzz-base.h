/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-base.h - small valid stores of several shapes, made by the core itself and
 * kept as images: each as a close leaves it, and as a crash does, with records of
 * all classes in the log.
 */
#ifndef FUZZ_BASE_H
#define FUZZ_BASE_H

#include "format.h"
#include "fuzz-device.h"

enum { FUZZ_BASES = 12, FUZZ_RECORDS_MAX = 64, FUZZ_MAP_PAGES_MAX = 64 };

struct fuzz_base {
  struct fuzz_image image;
  struct superblock sb;
  struct map_geometry map;
  uint32_t records; /* of the chain, from the older root on */
  struct record record[FUZZ_RECORDS_MAX];
  uint32_t map_pages; /* offsets of those that a root leads to */
  uint64_t map_page[FUZZ_MAP_PAGES_MAX];
};

/* Made when it is first asked for. */
const struct fuzz_base *fuzz_base(unsigned number);

/* Where a record of so many atoms goes at POSITION or behind it. */
uint64_t fuzz_log_fit(const struct superblock *sb, uint64_t position, uint32_t atoms);
uint64_t fuzz_log_offset(const struct superblock *sb, uint64_t position);

#endif
