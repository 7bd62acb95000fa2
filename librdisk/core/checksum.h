/* SPDX-License-Identifier: BSD-3-Clause */
/* checksum.h - XXH3, 64 bits.  It finds accidents; it does not stop a forger
 * (rdisk-format(5), "Trust"). */
#ifndef RDISK_CHECKSUM_H
#define RDISK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of BYTES at DATA; SEED tells apart what may not be taken for one another. */
uint64_t checksum(const void *data, size_t bytes, uint64_t seed);

/* Chain the checksum of a run's next block onto the run's. */
static inline uint64_t checksum_fold(uint64_t run, uint64_t block)
{
  return checksum(&block, sizeof block, run);
}

#endif
