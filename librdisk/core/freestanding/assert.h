/* SPDX-License-Identifier: BSD-3-Clause */
/* xxhash.h takes static_assert from here; a failed assertion stops at once. */
#ifndef RDISK_FREESTANDING_ASSERT_H
#define RDISK_FREESTANDING_ASSERT_H

#define static_assert _Static_assert
#define assert(condition) ((condition) ? (void)0 : __builtin_trap())

#endif
