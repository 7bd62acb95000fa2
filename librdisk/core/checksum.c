/* SPDX-License-Identifier: BSD-3-Clause */
#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include "xxhash-path.h"

#include "checksum.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bit planes are kept in memory as they lie on the disk: little-endian machines only"
#endif

uint64_t checksum(const void *data, size_t bytes, uint64_t seed)
{
  return XXH3_64bits_withSeed(data, bytes, seed);
}
