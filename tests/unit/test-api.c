/* SPDX-License-Identifier: BSD-3-Clause */
/* test-api.c - the public calls do what rdisk.h says: data, checkpoints,
 * information, several threads. */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store.h"

/* The ways to open a store. */
static const uint32_t ways[] = { 0, RDISK_OPEN_NO_URING, RDISK_OPEN_BUFFERED };
enum { WAYS = sizeof ways / sizeof ways[0] };

START_TEST(checkpointed_is_kept)
{
  struct rdisk *store;
  uint64_t sequence = 0, next = 0;

  store_create(0);
  store = store_open(ways[_i]);
  ck_assert(store_has_zeroes(store, DISK_BYTES, 0));
  store_write(store, 1, 100000, 12345);
  ck_assert(store_has(store, 1, 100000, 12345));
  ck_assert(store_has_zeroes(store, 12345, 0));
  OK(rdisk_checkpoint(store, &sequence));
  store_write(store, 2, 50000, 20000);
  ck_assert(store_has(store, 2, 50000, 20000));
  OK(rdisk_close(store));

  store = store_open(ways[_i]); /* closing made no checkpoint */
  ck_assert(store_has(store, 1, 100000, 12345));
  OK(rdisk_checkpoint(store, &next));
  ck_assert_uint_ge(next, sequence);
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

START_TEST(recover_undoes)
{
  struct rdisk *store;

  store_create(0);
  store = store_open(ways[_i]);
  store_write(store, 1, DISK_BYTES, 0);
  OK(rdisk_checkpoint(store, NULL));
  store_write(store, 2, 300000, 1000);
  OK(rdisk_trim(store, 1 << 20, 4 << 20, 0));
  OK(rdisk_drain(store));
  store_write(store, 3, BLOCK, 0);
  OK(rdisk_recover(store));
  ck_assert(store_has(store, 1, DISK_BYTES, 0));
  store_write(store, 4, 5 * BLOCK, BLOCK);
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  store = store_open(RDISK_OPEN_READ_ONLY);
  ck_assert(store_has(store, 4, 5 * BLOCK, BLOCK));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

START_TEST(fua_is_kept)
{
  unsigned char memory[BLOCK];
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  fill_pattern(memory, BLOCK, 1);
  OK(rdisk_write(store, memory, BLOCK, 0, RDISK_FUA));
  store_write(store, 2, 4 * BLOCK, 4 * BLOCK);
  OK(rdisk_zero(store, BLOCK, 4 * BLOCK, RDISK_FUA));
  store_write(store, 3, 4 * BLOCK, 8 * BLOCK);
  OK(rdisk_trim(store, BLOCK, 8 * BLOCK, RDISK_FUA));
  OK(rdisk_close(store));
  store = store_open(0);
  ck_assert(store_has(store, 1, BLOCK, 0));
  ck_assert(store_has_zeroes(store, BLOCK, 4 * BLOCK));
  ck_assert(store_has_zeroes(store, BLOCK, 8 * BLOCK));
  ck_assert(!store_has_zeroes(store, BLOCK, 9 * BLOCK));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

struct extents {
  uint64_t at, zero, data;
  unsigned count;
};

static int add_extent(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero)
{
  struct extents *e = opaque;

  ck_assert_uint_eq(offset, e->at);
  ck_assert_uint_gt(length_bytes, 0);
  e->at += length_bytes;
  *(zero ? &e->zero : &e->data) += length_bytes;
  return ++e->count == 100 ? 42 : 0;
}

START_TEST(zero_trim_extents)
{
  struct extents e = { .at = 1000 };
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, 1 << 20, 0);
  OK(rdisk_zero(store, 5000, 3000, 0));
  ck_assert(store_has(store, 1, 3000, 0));
  ck_assert(store_has_zeroes(store, 5000, 3000));
  ck_assert(!store_has_zeroes(store, 8, 8000));
  OK(rdisk_zero(store, BLOCK, 10 * BLOCK, RDISK_NO_HOLE));
  ck_assert(store_has_zeroes(store, BLOCK, 10 * BLOCK));
  OK(rdisk_trim(store, 512 << 10, 512 << 10, 0));
  ck_assert(store_has_zeroes(store, 512 << 10, 512 << 10));
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_extents(store, DISK_BYTES - 1000, 1000, add_extent, &e));
  ck_assert_uint_eq(e.at, DISK_BYTES);
  ck_assert_uint_ge(e.zero, DISK_BYTES - (512 << 10));
  ck_assert_uint_ge(e.data, (512 << 10) - 1000 - 20 * BLOCK);
  e = (struct extents){ .count = 99 };
  ck_assert_int_eq(rdisk_extents(store, DISK_BYTES, 0, add_extent, &e), 42);
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

/* Space that a checkpoint has made free goes back to the host. */
START_TEST(trim_gives_space_back)
{
  struct rdisk_info before = RDISK_INFO_INIT, after = RDISK_INFO_INIT;
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, DISK_BYTES, 0);
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_get_info(store, &before));
  OK(rdisk_trim(store, DISK_BYTES, 0, 0));
  for (int i = 0; i < 100; i++) { /* in the background */
    OK(rdisk_checkpoint(store, NULL));
    OK(rdisk_get_info(store, &after));
    if (after.allocated_bytes + DISK_BYTES / 2 < before.allocated_bytes)
      break;
    usleep(20000);
  }
  ck_assert_uint_lt(after.allocated_bytes + DISK_BYTES / 2, before.allocated_bytes);
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

START_TEST(blocks_of_all_sizes)
{
  static const uint32_t sizes[] = { 512, 1024, 4096, 16384, 65536 };
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk *store;

  scratch_make();
  options.block_bytes = sizes[_i];
  options.label = "a label";
  OK(rdisk_create(scratch_path("store"), DISK_BYTES, &options));
  store = store_open(0);
  OK(rdisk_get_info(store, &info));
  ck_assert_uint_eq(info.block_bytes, sizes[_i]);
  ck_assert_uint_ge(info.unit_bytes, sizes[_i] > 4096 ? sizes[_i] : 4096);
  ck_assert_str_eq(info.label, "a label");
  for (uint64_t n = 0; n < 200; n++) {
    store_write(store, n, 700, n * 3001);
    if (n % 32 == 0)
      OK(rdisk_checkpoint(store, NULL));
  }
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  store = store_open(0);
  for (uint64_t n = 0; n < 200; n++)
    ck_assert(store_has(store, n, 700, n * 3001));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

static int count_checkpoint(void *opaque, const struct rdisk_checkpoint_info *info)
{
  uint64_t *last = opaque;

  ck_assert_uint_ge(info->struct_bytes, sizeof *info);
  *last = info->sequence;
  return 0;
}

START_TEST(information)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk_stats stats = RDISK_STATS_INIT;
  uint64_t sequence = 0, listed = 0;
  struct rdisk *store;
  struct stat st;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, 10 * BLOCK, 0);
  OK(rdisk_checkpoint(store, &sequence));
  OK(rdisk_get_info(store, &info));
  ck_assert_uint_eq(info.size_bytes, DISK_BYTES);
  ck_assert_uint_eq(info.layout, RDISK_LAYOUT_AB);
  ck_assert_uint_eq(info.sequence, sequence);
  ck_assert_uint_eq(info.read_only, 0);
  ck_assert_uint_gt(info.time_s, 1600000000);
  ck_assert_uint_gt(info.allocated_bytes, 10 * BLOCK);
  ck_assert(strcmp(info.backend, "io_uring") == 0 || strcmp(info.backend, "pread/pwrite") == 0);
  ck_assert_int_eq(stat(scratch_path("store"), &st), 0);
  ck_assert_uint_ge((uint64_t)st.st_size, info.store_bytes);
  ck_assert_uint_eq(st.st_mode & 0777, 0600);
  OK(rdisk_list(store, count_checkpoint, &listed));
  ck_assert_uint_eq(listed, sequence);
  OK(rdisk_get_stats(store, &stats));
  ck_assert_uint_eq(stats.writes, 1);
  ck_assert_uint_eq(stats.write_bytes, 10 * BLOCK);
  ck_assert_uint_ge(stats.checkpoint_calls, 1);
  ck_assert_uint_ge(stats.device_flushes, 1);
  OK(rdisk_close(store));
  store = store_open(RDISK_OPEN_READ_ONLY);
  OK(rdisk_get_info(store, &info));
  ck_assert_uint_eq(info.clean, 1);
  ck_assert_uint_eq(info.read_only, 1);
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

/* A struct of an older program is filled as far as it goes, one of a newer program
 * has the rest zeroed. */
START_TEST(structs_of_other_versions)
{
  struct {
    struct rdisk_info info;
    unsigned char more[64];
  } newer = { .info = { .struct_bytes = sizeof newer } };
  struct rdisk_info older = { .struct_bytes = offsetof(struct rdisk_info, size_bytes) };
  struct rdisk_info none = { .struct_bytes = 0 };
  struct {
    struct rdisk_open_options options;
    unsigned char more[8];
  } options = { .options = { .struct_bytes = sizeof options } };
  struct rdisk *store;

  store_create(0);
  OK(rdisk_open(scratch_path("store"), &options.options, &store));
  memset(newer.more, 0xee, sizeof newer.more);
  older.size_bytes = 77;
  OK(rdisk_get_info(store, &newer.info));
  OK(rdisk_get_info(store, &older));
  ck_assert_uint_eq(newer.info.struct_bytes, sizeof newer);
  ck_assert_uint_eq(newer.info.size_bytes, DISK_BYTES);
  ck_assert(is_zero(newer.more, sizeof newer.more));
  ck_assert_uint_eq(older.block_bytes, BLOCK);
  ck_assert_uint_eq(older.size_bytes, 77);
  REFUSED(rdisk_get_info(store, &none), RDISK_EINVAL, "struct_bytes");
  OK(rdisk_close(store));
  options.more[3] = 1;
  REFUSED(rdisk_open(scratch_path("store"), &options.options, &store), RDISK_EINVAL,
          "does not know");
  scratch_remove();
}
END_TEST

START_TEST(readers_share)
{
  struct rdisk *one, *two, *writer;
  unsigned char byte = 0;

  store_create(0);
  one = store_open(RDISK_OPEN_READ_ONLY);
  two = store_open(RDISK_OPEN_READ_ONLY);
  REFUSED(store_try_open("store", 0, &writer), RDISK_EBUSY, "in use");
  ck_assert_ptr_null(writer);
  REFUSED(rdisk_write(one, &byte, 1, 0, 0), RDISK_EROFS, "read-only");
  REFUSED(rdisk_zero(one, 1, 0, 0), RDISK_EROFS, "read-only");
  ck_assert(store_has_zeroes(two, DISK_BYTES, 0));
  OK(rdisk_close(one));
  OK(rdisk_close(two));
  writer = store_open(0);
  REFUSED(store_try_open("store", RDISK_OPEN_READ_ONLY, &one), RDISK_EBUSY, "in use");
  OK(rdisk_close(writer));
  scratch_remove();
}
END_TEST

/* Some time after its last commit a store is tidied up, once: an empty record
 * vouches for that commit, its data moves home from the log; then nothing more. */
START_TEST(idle_store_is_tidied)
{
  struct rdisk_stats stats = RDISK_STATS_INIT, later = RDISK_STATS_INIT;
  struct rdisk *store;
  uint64_t flushes;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, BLOCK, 0);
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_get_stats(store, &stats));
  flushes = stats.device_flushes;
  for (int i = 0; i < 100 && (stats.inline_pending > 0 || stats.device_flushes == flushes); i++) {
    usleep(100000);
    OK(rdisk_get_stats(store, &stats));
  }
  ck_assert_uint_gt(stats.device_flushes, flushes);
  ck_assert_uint_eq(stats.inline_pending, 0);
  usleep(1500000);
  OK(rdisk_get_stats(store, &stats));
  usleep(2500000);
  OK(rdisk_get_stats(store, &later));
  ck_assert_uint_eq(later.device_writes, stats.device_writes);
  ck_assert_uint_eq(later.device_flushes, stats.device_flushes);
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

/* ---- threads ------------------------------------------------------------------------- */

enum { THREADS = 4, TURNS = 100, SHARE = DISK_BYTES / THREADS };

struct part {
  struct rdisk *store;
  uint64_t number;
};

static void *write_a_part(void *opaque)
{
  struct part *part = opaque;
  uint64_t start = part->number * SHARE;

  for (uint64_t turn = 0; turn < TURNS; turn++) {
    uint64_t offset = start + turn * 37 % 128 * BLOCK;

    store_write(part->store, part->number * 1000 + turn, 2 * BLOCK, offset);
    if (turn % 8 == part->number)
      OK(rdisk_checkpoint(part->store, NULL));
    ck_assert(store_has(part->store, part->number * 1000 + turn, 2 * BLOCK, offset));
  }
  store_write(part->store, part->number, SHARE, start);
  return NULL;
}

START_TEST(several_threads)
{
  struct part parts[THREADS];
  pthread_t threads[THREADS];
  struct rdisk *store;

  store_create(0);
  store = store_open(ways[_i]);
  for (unsigned i = 0; i < THREADS; i++) {
    parts[i] = (struct part){ store, i };
    ck_assert_int_eq(pthread_create(&threads[i], NULL, write_a_part, &parts[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  store = store_open(0);
  for (unsigned i = 0; i < THREADS; i++)
    ck_assert(store_has(store, i, SHARE, i * SHARE));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

static void *fail_here(void *opaque)
{
  struct rdisk *store = opaque;
  char byte;

  ck_assert_str_eq(rdisk_last_error(), "");
  ck_assert_int_eq(rdisk_read(store, &byte, 1, DISK_BYTES), RDISK_ERANGE);
  return NULL;
}

START_TEST(errors_are_the_threads_own)
{
  struct rdisk *store, *none;
  pthread_t thread;

  store_create(0);
  store = store_open(0);
  REFUSED(store_try_open("nowhere", 0, &none), RDISK_ENOENT, "nowhere");
  ck_assert_int_eq(pthread_create(&thread, NULL, fail_here, store), 0);
  pthread_join(thread, NULL);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "nowhere"));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

/* ---- a killed process ------------------------------------------------------------------ */

static void write_until_killed(int out)
{
  struct rdisk *store = store_open(0);
  uint64_t n = 0;

  for (;; n++) {
    store_write(store, n, 64 * BLOCK, 0); /* one request: one interval (D3) */
    OK(rdisk_checkpoint(store, NULL));
    if (write(out, &n, sizeof n) != sizeof n)
      _exit(1);
  }
}

START_TEST(killed)
{
  uint64_t told = 0, n;
  struct rdisk *store;
  int pipes[2];
  pid_t writer;

  store_create(0);
  ck_assert_int_eq(pipe(pipes), 0);
  fflush(NULL);
  writer = fork();
  if (writer == 0)
    write_until_killed(pipes[1]);
  close(pipes[1]);
  while (told < 20 && read(pipes[0], &n, sizeof n) == sizeof n)
    told = n;
  kill(writer, SIGKILL);
  while (read(pipes[0], &n, sizeof n) == sizeof n)
    told = n;
  waitpid(writer, NULL, 0);
  ck_assert_uint_ge(told, 20);
  store = store_open(0);
  ck_assert(store_has(store, told, 64 * BLOCK, 0) || store_has(store, told + 1, 64 * BLOCK, 0));
  OK(rdisk_close(store));
  close(pipes[0]);
  scratch_remove();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("api");
  TCase *tests = tcase_create("api");

  tcase_add_loop_test(tests, checkpointed_is_kept, 0, WAYS);
  tcase_add_loop_test(tests, recover_undoes, 0, WAYS);
  tcase_add_test(tests, fua_is_kept);
  tcase_add_test(tests, zero_trim_extents);
  tcase_add_test(tests, trim_gives_space_back);
  tcase_add_loop_test(tests, blocks_of_all_sizes, 0, 5);
  tcase_add_test(tests, information);
  tcase_add_test(tests, structs_of_other_versions);
  tcase_add_test(tests, readers_share);
  tcase_add_test(tests, idle_store_is_tidied);
  tcase_add_loop_test(tests, several_threads, 0, WAYS);
  tcase_add_test(tests, errors_are_the_threads_own);
  tcase_add_test(tests, killed);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
