/* SPDX-License-Identifier: BSD-3-Clause */
/* The four functions that a freestanding compiler expects its surroundings to
 * have, and all that the core uses of a C library. */
#ifndef RDISK_FREESTANDING_STRING_H
#define RDISK_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
