/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdint.h>

#include "text.h"

struct text {
  char *at, *end;
};

static void put(struct text *t, char c)
{
  if (t->at < t->end)
    *t->at++ = c;
}

static void put_string(struct text *t, const char *s)
{
  for (s = s ? s : "(null)"; *s; s++)
    put(t, *s);
}

static void put_number(struct text *t, uint64_t value, unsigned base)
{
  char digits[24];
  unsigned n = 0;

  do
    digits[n++] = "0123456789abcdef"[value % base];
  while ((value /= base) != 0);
  while (n > 0)
    put(t, digits[--n]);
}

void text_format(char *line, size_t size, const char *format, va_list arguments)
{
  struct text t = { line, line + size - 1 };

  for (; *format; format++) {
    if (*format != '%') {
      put(&t, *format);
      continue;
    }
    switch (*++format) {
    case 's': put_string(&t, va_arg(arguments, const char *)); break;
    case 'u': put_number(&t, va_arg(arguments, uint64_t), 10); break;
    case 'x': put_number(&t, va_arg(arguments, uint64_t), 16); break;
    default: put(&t, *format); break;
    }
  }
  *t.at = '\0';
}
