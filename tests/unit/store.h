/* SPDX-License-Identifier: BSD-3-Clause */
/* store.h - what the tests of the public calls share. */
#ifndef TESTS_UNIT_STORE_H
#define TESTS_UNIT_STORE_H

#include "unit.h"

enum { DISK_BYTES = 8 << 20, BLOCK = 4096 };

/* CALL must succeed; else the test fails with the library's line. */
#define OK(call)                                                                      \
  do {                                                                                \
    int ok_code = (call);                                                             \
    ck_assert_msg(ok_code == 0, "%s: %d: %s", #call, ok_code, rdisk_last_error());    \
  } while (0)

/* CALL must fail with CODE and a line that holds TEXT. */
#define REFUSED(call, code, text)                                                     \
  do {                                                                                \
    int refused_code = (call);                                                        \
    ck_assert_msg(refused_code == (code), "%s: %d: %s", #call, refused_code,          \
                  rdisk_last_error());                                                \
    ck_assert_msg(strstr(rdisk_last_error(), (text)) != NULL, "%s: %s", #call,        \
                  rdisk_last_error());                                                \
  } while (0)

/* A scratch folder with a new store in it, "store". */
void store_create(uint32_t create_flags);
struct rdisk *store_open(uint32_t open_flags);
int store_try_open(const char *name, uint32_t open_flags, struct rdisk **store);

/* Write, read and compare BYTES of pattern SEED at OFFSET. */
void store_write(struct rdisk *store, uint64_t seed, size_t bytes, uint64_t offset);
bool store_has(struct rdisk *store, uint64_t seed, size_t bytes, uint64_t offset);
bool store_has_zeroes(struct rdisk *store, size_t bytes, uint64_t offset);

#endif
