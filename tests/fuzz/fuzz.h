/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz.h - what the fuzzers share: the entry point, their input, their verdict.
 *
 * A fuzzer is one function, LLVMFuzzerTestOneInput.  Linked with libFuzzer
 * (make fuzz) it is driven by coverage; linked with fuzz-main.c, always and with
 * the normal compiler, it runs the corpus and simple mutations of it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fault was found: say which and abort, as both drivers expect. */
#define fuzz_require(condition, ...) \
  do {                               \
    if (!(condition))                \
      fuzz_fault(__VA_ARGS__);       \
  } while (0)
void fuzz_fault(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The input, taken from its front; zeroes once it is used up. */
struct fuzz_input {
  const uint8_t *at;
  size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
  if (in->left == 0)
    return 0;
  in->left--;
  return *in->at++;
}

static inline uint64_t fuzz_number(struct fuzz_input *in, unsigned bytes)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < bytes; i++)
    value |= (uint64_t)fuzz_u8(in) << 8 * i;
  return value;
}

#endif
