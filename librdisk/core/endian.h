/* SPDX-License-Identifier: BSD-3-Clause */
/* endian.h - little-endian fields at byte offsets of an on-disk structure. */
#ifndef RDISK_ENDIAN_H
#define RDISK_ENDIAN_H

#include <stdint.h>

static inline uint64_t get_le(const unsigned char *at, unsigned bytes)
{
  uint64_t value = 0;

  while (bytes-- > 0)
    value = value << 8 | at[bytes];
  return value;
}

static inline void put_le(unsigned char *at, uint64_t value, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; i++, value >>= 8)
    at[i] = (unsigned char)value;
}

#define get_le16(at) ((uint16_t)get_le((at), 2))
#define get_le32(at) ((uint32_t)get_le((at), 4))
#define get_le64(at) get_le((at), 8)
#define put_le16(at, value) put_le((at), (value), 2)
#define put_le32(at, value) put_le((at), (value), 4)
#define put_le64(at, value) put_le((at), (value), 8)

#endif
