/* SPDX-License-Identifier: BSD-3-Clause */
/* The compiler's own limits.h goes on to the host's; this one is what xxhash.h
 * needs of it. */
#ifndef RDISK_FREESTANDING_LIMITS_H
#define RDISK_FREESTANDING_LIMITS_H

#define CHAR_BIT   __CHAR_BIT__
#define INT_MAX    __INT_MAX__
#define UINT_MAX   (__INT_MAX__ * 2U + 1U)
#define LONG_MAX   __LONG_MAX__
#define ULONG_MAX  (__LONG_MAX__ * 2UL + 1UL)
#define LLONG_MAX  __LONG_LONG_MAX__
#define ULLONG_MAX (__LONG_LONG_MAX__ * 2ULL + 1ULL)

#endif
