/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "store.h"

void store_create(uint32_t create_flags)
{
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;

  scratch_make();
  options.flags = create_flags;
  OK(rdisk_create(scratch_path("store"), DISK_BYTES, &options));
}

int store_try_open(const char *name, uint32_t open_flags, struct rdisk **store)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;

  options.flags = open_flags;
  return rdisk_open(scratch_path(name), &options, store);
}

struct rdisk *store_open(uint32_t open_flags)
{
  struct rdisk *store = NULL;

  OK(store_try_open("store", open_flags, &store));
  ck_assert_ptr_nonnull(store);
  return store;
}

void store_write(struct rdisk *store, uint64_t seed, size_t bytes, uint64_t offset)
{
  unsigned char *memory = malloc(bytes);

  fill_pattern(memory, bytes, seed);
  OK(rdisk_write(store, memory, bytes, offset, 0));
  free(memory);
}

static unsigned char *read_new(struct rdisk *store, size_t bytes, uint64_t offset)
{
  unsigned char *memory = malloc(bytes);

  memset(memory, 0xee, bytes);
  OK(rdisk_read(store, memory, bytes, offset));
  return memory;
}

bool store_has(struct rdisk *store, uint64_t seed, size_t bytes, uint64_t offset)
{
  unsigned char *memory = read_new(store, bytes, offset);
  bool has = has_pattern(memory, bytes, seed);

  free(memory);
  return has;
}

bool store_has_zeroes(struct rdisk *store, size_t bytes, uint64_t offset)
{
  unsigned char *memory = read_new(store, bytes, offset);
  bool has = is_zero(memory, bytes);

  free(memory);
  return has;
}
