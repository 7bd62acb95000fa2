/* SPDX-License-Identifier: BSD-3-Clause */
/* size.c - sizes as util-linux reads them: bytes, or a number (a fraction, too)
 * with a suffix: K, M, G, T, P, E or KiB, MiB, ... (1024), KB, MB, ... (1000).
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tool.h"

static const char letters[] = "KMGTPE";

/* The suffix's factor; 0: is none. */
static uint64_t suffix_factor(const char *suffix)
{
  uint64_t factor = 1, base;
  const char *letter;

  if (*suffix == '\0' || strcasecmp(suffix, "B") == 0)
    return 1;
  letter = strchr(letters, *suffix & ~0x20);
  if (letter == NULL || *letter == '\0') /* a blank would find the string's end */
    return 0;
  if (suffix[1] == '\0' || strcasecmp(suffix + 1, "iB") == 0)
    base = 1024;
  else if (strcasecmp(suffix + 1, "B") == 0)
    base = 1000;
  else
    return 0;
  for (long i = 0; i <= letter - letters; i++)
    factor *= base;
  return factor;
}

bool size_parse(const char *text, uint64_t *bytes)
{
  /* value / scale is the number as it is written. */
  unsigned __int128 value = 0, scale = 1;
  bool fraction = false, digits = false;
  uint64_t factor;

  for (; (*text >= '0' && *text <= '9') || (*text == '.' && !fraction); text++) {
    if (*text == '.') {
      fraction = true;
      continue;
    }
    digits = true;
    if (value > UINT64_MAX || scale > UINT64_MAX / 10)
      return false;
    value = value * 10 + (unsigned)(*text - '0');
    scale = fraction ? scale * 10 : 1;
  }
  factor = suffix_factor(text);
  if (!digits || factor == 0 || (fraction && factor == 1))
    return false;
  if (value > UINT64_MAX || value * factor / scale > UINT64_MAX)
    return false;
  *bytes = (uint64_t)(value * factor / scale);
  return true;
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
  unsigned power = 0;
  uint64_t unit = 1;

  while (power < strlen(letters) && bytes / unit >= 1024) {
    unit *= 1024;
    power++;
  }
  if (power == 0)
    snprintf(text, SIZE_TEXT_BYTES, "%" PRIu64 " B", bytes);
  else if (bytes % unit == 0)
    snprintf(text, SIZE_TEXT_BYTES, "%" PRIu64 " %ciB", bytes / unit, letters[power - 1]);
  else
    snprintf(text, SIZE_TEXT_BYTES, "%.1f %ciB", (double)bytes / (double)unit, letters[power - 1]);
  return text;
}
