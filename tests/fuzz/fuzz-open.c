/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-open.c - a store that somebody else has written: damaged, or forged with
 * right checksums.  The input says which valid store to begin with, what to change
 * in it (fuzz-damage.c), and what to do then (fuzz-session.c).
 *
 * Whatever the bytes, the core must stay within the device, its memory and its
 * locks, come to an end, trap nowhere, write nothing when it reads, and never give
 * back other data than what a checkpoint of this session has taken.
 */
#include "config.h"

#include <string.h>

#include "fuzz-damage.h"
#include "fuzz-session.h"

enum {
  FLAG_REPAIR = 1,     /* checksums are right again */
  FLAG_RAW = 2,        /* the input's rest is the store's first bytes */
  FLAG_CUT = 4,        /* the device is shorter than the store */
  FLAG_BIG_UNIT = 8,   /* the device has a larger unit than the store was made for */
  FLAG_LONG = 16,      /* the device is longer: a forged geometry may fit */
  FLAG_SMALL = 32      /* little memory */
};

static void raw(struct fuzz_device *device, struct fuzz_input *in)
{
  fuzz_poke(device, in->at, in->left, 0);
  in->left = 0;
}

static void change(const struct fuzz_base *base, struct fuzz_device *device,
                   struct fuzz_input *in)
{
  for (unsigned count = fuzz_u8(in) % 16; count > 0; count--)
    fuzz_damage(base, device, in);
}

static uint64_t device_bytes(const struct superblock *sb, unsigned flags, struct fuzz_input *in)
{
  if (flags & FLAG_CUT)
    return fuzz_number(in, 3) % sb->store_bytes;
  return flags & FLAG_LONG ? UINT64_C(1) << 54 : sb->store_bytes;
}

static void check_store(struct fuzz_env *env, struct fuzz_device *device);

/* Repairing what nothing is wrong with must change nothing, or a repair would hide
 * what it is to reveal. */
static void check_repair(const struct fuzz_base *base)
{
  struct fuzz_device device;
  struct fuzz_env env;

  fuzz_device_init(&device, &base->image, base->sb.store_bytes, 4096);
  fuzz_repair(base, &device);
  for (unsigned i = 0; i < FUZZ_SLOTS; i++)
    for (struct fuzz_page *page = device.own.slots[i]; page != NULL; page = page->next) {
      unsigned char bytes[FUZZ_PAGE];
      struct fuzz_device plain = { .io.size_bytes = base->sb.store_bytes, .base = &base->image };

      fuzz_peek(&plain, bytes, FUZZ_PAGE, page->number * FUZZ_PAGE);
      fuzz_require(memcmp(bytes, page->bytes, FUZZ_PAGE) == 0,
                   "the repair does not know the format any more: page %llu differs",
                   (unsigned long long)page->number);
    }
  fuzz_env_init(&env, 64 << 20);
  check_store(&env, &device);
  fuzz_device_free(&device);
}

static void report(void *opaque, enum rdisk_log_level level, const char *rule, const char *line)
{
  (void)opaque;
  (void)level;
  fuzz_require(rule != NULL && line != NULL && line[0] != '\0', "a finding without a line");
}

static int progress(void *opaque, const char *operation, uint64_t done, uint64_t total)
{
  unsigned *calls = opaque;

  fuzz_require(operation != NULL && done <= total, "progress of %llu in %llu",
               (unsigned long long)done, (unsigned long long)total);
  fuzz_require(++*calls < 1000000, "a check that goes on and on");
  return 0;
}

static void check_store(struct fuzz_env *env, struct fuzz_device *device)
{
  unsigned calls = 0;

  device->read_only = true;
  fuzz_env_begin_call(env);
  fuzz_env_end_call(env, rdisk_core_check(&env->env, &device->io, report, progress, &calls));
  fuzz_env_expect_empty(env);
  device->read_only = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static bool repair_checked[FUZZ_BASES];
  struct fuzz_input in = { data, size };
  unsigned number = fuzz_u8(&in) % FUZZ_BASES, flags = fuzz_u8(&in);
  const struct fuzz_base *base = fuzz_base(number);
  struct fuzz_device device;
  struct fuzz_env env;

  if (!repair_checked[number])
    check_repair(base);
  repair_checked[number] = true;
  fuzz_device_init(&device, flags & FLAG_RAW && !(flags & FLAG_REPAIR) ? NULL : &base->image,
                   device_bytes(&base->sb, flags, &in), flags & FLAG_BIG_UNIT ? 65536 : 4096);
  if (flags & FLAG_RAW)
    raw(&device, &in);
  else
    change(base, &device, &in);
  if (flags & FLAG_REPAIR)
    fuzz_repair(base, &device);
  fuzz_env_init(&env, (size_t)(flags & FLAG_SMALL ? 3 : 64) << 20);
  check_store(&env, &device);
  fuzz_session_read_only(&env, &device);
  fuzz_session(&env, &device, &in);
  check_store(&env, &device);
  fuzz_device_free(&device);
  return 0;
}
