/* SPDX-License-Identifier: BSD-3-Clause */
/* text.h - lines for people, without printf. */
#ifndef RDISK_TEXT_H
#define RDISK_TEXT_H

#include <stdarg.h>
#include <stddef.h>

enum { TEXT_LINE = 256 };

/* Format into LINE (size bytes, always terminated, cut where it ends).
 * %s string, %u uint64_t, %x uint64_t in hexadecimal, %% percent: nothing else,
 * so every number is passed as (uint64_t). */
void text_format(char *line, size_t size, const char *format, va_list arguments);

#endif
