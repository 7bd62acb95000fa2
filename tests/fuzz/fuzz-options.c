/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-options.c - what people type: sizes and checkpoint policies. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rdisk-server.h"
#include "tool.h"

static void try_size(const char *text)
{
  char shown[SIZE_TEXT_BYTES], plain[SIZE_TEXT_BYTES];
  uint64_t bytes = 0, again = 0;

  if (!size_parse(text, &bytes))
    return;
  fuzz_require(strspn(text, "0123456789.BEGIKMPTbegikmpt") == strlen(text),
               "'%s' is taken for a size of %" PRIu64 " bytes", text, bytes);
  fuzz_require(strlen(size_text(bytes, shown)) > 0, "%" PRIu64 " bytes shown as nothing", bytes);
  snprintf(plain, sizeof plain, "%" PRIu64, bytes);
  fuzz_require(size_parse(plain, &again) && again == bytes, "%s is not read back", plain);
  if (strspn(text, "0123456789") == strlen(text))
    fuzz_require(strtoull(text, NULL, 10) == bytes, "'%s' is read as %" PRIu64, text, bytes);
}

static void try_policy(const char *text)
{
  struct rdisk_server_options options = RDISK_SERVER_OPTIONS_INIT;
  int code = rdisk_server_parse_policy(text, &options);

  if (code) {
    fuzz_require(code == RDISK_EINVAL && strlen(rdisk_last_error()) > 0, "policy '%s': %d", text,
                 code);
    return;
  }
  if (strcmp(text, "flush") == 0 || strcmp(text, "manual") == 0) {
    fuzz_require(options.interval_s <= 0, "policy '%s' with an interval", text);
    return;
  }
  fuzz_require(isfinite(options.interval_s) && options.interval_s > 0 &&
                 fabs(strtod(text, NULL) - options.interval_s) <= 1e-9 * options.interval_s,
               "policy '%s' is read as %g seconds", text, options.interval_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1);

  if (text == NULL)
    return 0;
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  try_size(text);
  try_policy(text);
  free(text);
  return 0;
}
