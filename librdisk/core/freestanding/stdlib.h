/* SPDX-License-Identifier: BSD-3-Clause */
/* xxhash.h and the compiler's intrinsics mention these; the core never calls
 * them (a test lists the archive's undefined symbols). */
#ifndef RDISK_FREESTANDING_STDLIB_H
#define RDISK_FREESTANDING_STDLIB_H

#include <stddef.h>

void *malloc(size_t bytes);
void free(void *memory);
int posix_memalign(void **memory, size_t alignment, size_t bytes);

#endif
