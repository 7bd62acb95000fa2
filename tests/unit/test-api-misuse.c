/* SPDX-License-Identifier: BSD-3-Clause */
/* test-api-misuse.c - bad arguments, bad files, stores in use, forks: each gets its
 * code and one clear line, and nothing is changed. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

static int create(const char *name, uint64_t size_bytes, uint32_t flags)
{
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;

  options.flags = flags;
  return rdisk_create(scratch_path(name), size_bytes, &options);
}

static void make_raw(const char *name, const void *bytes, size_t count, off_t size)
{
  int fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, bytes, count, 0), (ssize_t)count);
  ck_assert_int_eq(ftruncate(fd, size), 0);
  close(fd);
}

static bool exists(const char *name)
{
  return access(scratch_path(name), F_OK) == 0;
}

/* ---- creating ----------------------------------------------------------------------- */

START_TEST(sizes_that_cannot_be)
{
  static const uint64_t sizes[] = { 0, 1, 4095, 4097, UINT64_MAX, UINT64_MAX - 4095 };

  scratch_make();
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    REFUSED(create("store", sizes[i], 0), RDISK_EINVAL, "create ");
    ck_assert(!exists("store"));
  }
  REFUSED(create("store", UINT64_C(1) << 60, 0), RDISK_EINVAL, "create ");
  ck_assert(!exists("store"));
  scratch_remove();
}
END_TEST

static int create_beyond_the_limit(void *opaque)
{
  const struct rlimit limit = { 1 << 20, 1 << 20 };

  (void)opaque;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  if (create("store", DISK_BYTES, 0) != RDISK_EINVAL)
    return 1;
  return strstr(rdisk_last_error(), "choose a smaller size") && !exists("store") ? 0 : 2;
}

START_TEST(larger_than_files_can_be)
{
  scratch_make();
  ck_assert_int_eq(in_child(create_beyond_the_limit, NULL), 0);
  scratch_remove();
}
END_TEST

START_TEST(options_that_cannot_be)
{
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;
  const char *path;
  char label[100];

  scratch_make();
  path = scratch_path("store");
  options.block_bytes = 3000;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "power of two");
  options.block_bytes = 256;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "block");
  options.block_bytes = 1 << 17;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "block");
  options.block_bytes = 0;
  options.layout = 99;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "layout");
  options.layout = 0;
  options.log_bytes = 1;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "log");
  options.log_bytes = 0;
  options.flags = 1u << 31;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "flags");
  options.flags = 0;
  memset(label, 'x', sizeof label);
  label[64] = '\0';
  options.label = label;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "label");
  options.label = "two\nlines";
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "label");
  options.label = NULL;
  options.struct_bytes = 0;
  REFUSED(rdisk_create(path, DISK_BYTES, &options), RDISK_EINVAL, "struct_bytes");
  REFUSED(rdisk_create(NULL, DISK_BYTES, NULL), RDISK_EINVAL, "no path");
  ck_assert(!exists("store"));
  scratch_remove();
}
END_TEST

START_TEST(places_that_cannot_be)
{
  scratch_make();
  REFUSED(create("none/store", DISK_BYTES, 0), RDISK_ENOENT, "make its directory");
  REFUSED(create("", DISK_BYTES, RDISK_CREATE_FORCE), RDISK_EINVAL, "directory");
  ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0600), 0);
  REFUSED(create("fifo", DISK_BYTES, RDISK_CREATE_FORCE), RDISK_EINVAL, "named pipe");
  REFUSED(rdisk_create("/dev/null", DISK_BYTES, NULL), RDISK_EINVAL, "character device");
  REFUSED(rdisk_create("/proc/store", DISK_BYTES, NULL), RDISK_ENOENT, "/proc/store");
  scratch_remove();
}
END_TEST

START_TEST(what_exists_is_kept)
{
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, BLOCK, 0);
  OK(rdisk_checkpoint(store, NULL));
  REFUSED(create("store", DISK_BYTES, 0), RDISK_EEXIST, "exists already");
  REFUSED(create("store", DISK_BYTES, RDISK_CREATE_FORCE), RDISK_EBUSY, "in use");
  OK(rdisk_close(store));
  store = store_open(0);
  ck_assert(store_has(store, 1, BLOCK, 0));
  OK(rdisk_close(store));
  OK(create("store", DISK_BYTES, RDISK_CREATE_FORCE));
  store = store_open(0);
  ck_assert(store_has_zeroes(store, DISK_BYTES, 0));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

struct progress {
  uint64_t calls, last, total, stop_at;
};

static int note_progress(void *opaque, const char *operation, uint64_t done, uint64_t total)
{
  struct progress *progress = opaque;

  ck_assert_str_eq(operation, "create");
  ck_assert_uint_ge(done, progress->last);
  ck_assert_uint_le(done, total);
  progress->calls++;
  progress->last = done;
  progress->total = total;
  return done >= progress->stop_at;
}

START_TEST(preallocation)
{
  struct progress progress = { .stop_at = 4 << 20 };
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;
  struct stat st;

  scratch_make();
  options.flags = RDISK_CREATE_PREALLOCATE;
  options.progress = note_progress;
  options.opaque = &progress;
  REFUSED(rdisk_create(scratch_path("store"), DISK_BYTES, &options), RDISK_ETIMEDOUT, "stopped");
  ck_assert(!exists("store"));
  progress = (struct progress){ .stop_at = UINT64_MAX };
  OK(rdisk_create(scratch_path("store"), DISK_BYTES, &options));
  ck_assert_uint_ge(progress.calls, 3);
  ck_assert_uint_eq(progress.last, progress.total);
  ck_assert_int_eq(stat(scratch_path("store"), &st), 0);
  ck_assert_int_ge(st.st_blocks * 512, st.st_size);
  scratch_remove();
}
END_TEST

static int create_where_it_is_full(void *opaque)
{
  (void)opaque;
  if (!mount_small_tmpfs(scratch_path(""), "4m"))
    return 77;
  if (create("store", DISK_BYTES, RDISK_CREATE_PREALLOCATE) != RDISK_ENOSPC)
    return 1;
  if (!strstr(rdisk_last_error(), "make room"))
    return 2;
  return exists("store") ? 3 : 0;
}

START_TEST(no_room)
{
  int status;

  scratch_make();
  status = in_child(create_where_it_is_full, NULL);
  ck_assert_msg(status == 0 || status == 77, "failed at %d", status);
  scratch_remove();
}
END_TEST

/* The host's file system fills up under an open store: refused, nothing lost, and
 * with room made everything can go on. */
static int fill_the_host(void *opaque)
{
  struct rdisk *store;
  int code = 0;

  (void)opaque;
  if (!mount_small_tmpfs(scratch_path(""), "6m"))
    return 77;
  if (create("store", DISK_BYTES, 0) != 0)
    return 1;
  store = store_open(0);
  store_write(store, 1, BLOCK, 0);
  OK(rdisk_checkpoint(store, NULL));
  for (uint64_t n = 0; n < DISK_BYTES / BLOCK && code == 0; n++) {
    unsigned char memory[BLOCK];

    fill_pattern(memory, BLOCK, n + 1);
    code = rdisk_write(store, memory, BLOCK, n * BLOCK, 0);
  }
  if (code == 0)
    code = rdisk_checkpoint(store, NULL);
  if (code != RDISK_ENOSPC || !strstr(rdisk_last_error(), "room"))
    return 2;
  if (!store_has(store, 1, BLOCK, 0) || !store_has(store, 2, BLOCK, BLOCK))
    return 3;
  if (mount("tmpfs", scratch_path(""), "tmpfs", MS_REMOUNT, "size=64m") != 0)
    return 4;
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  store = store_open(0);
  if (!store_has(store, 1, BLOCK, 0) || !store_has(store, 200, BLOCK, 199 * BLOCK))
    return 5;
  OK(rdisk_close(store));
  return 0;
}

START_TEST(host_fills_up)
{
  int status;

  scratch_make();
  status = in_child(fill_the_host, NULL);
  ck_assert_msg(status == 0 || status == 77, "failed at %d", status);
  scratch_remove();
}
END_TEST

/* ---- opening ------------------------------------------------------------------------- */

START_TEST(files_that_are_no_stores)
{
  unsigned char *garbage = aligned_memory(1 << 20);
  struct rdisk *store;

  scratch_make();
  REFUSED(store_try_open("none", 0, &store), RDISK_ENOENT, "rdisk create");
  REFUSED(store_try_open("", 0, &store), RDISK_EINVAL, "directory");
  ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0600), 0);
  REFUSED(store_try_open("fifo", 0, &store), RDISK_EINVAL, "named pipe");
  make_raw("empty", "", 0, 0);
  REFUSED(store_try_open("empty", 0, &store), RDISK_EFOREIGN, "empty");
  make_raw("short", "short", 5, 5);
  REFUSED(store_try_open("short", 0, &store), RDISK_EFOREIGN, "short");
  make_raw("zeroes", "", 0, 1 << 20);
  REFUSED(store_try_open("zeroes", RDISK_OPEN_READ_ONLY, &store), RDISK_EFOREIGN, "zeroes");
  fill_pattern(garbage, 1 << 20, 3);
  make_raw("garbage", garbage, 1 << 20, 1 << 20);
  REFUSED(store_try_open("garbage", 0, &store), RDISK_EFOREIGN, "garbage");
  REFUSED(rdisk_open(NULL, NULL, &store), RDISK_EINVAL, "no path");
  REFUSED(rdisk_open(scratch_path("none"), NULL, NULL), RDISK_EINVAL, "handle");
  REFUSED(store_try_open("zeroes", 1u << 30, &store), RDISK_EINVAL, "flags");
  ck_assert_ptr_null(store);
  free(garbage);
  scratch_remove();
}
END_TEST

START_TEST(truncated_store)
{
  struct rdisk *store;
  struct stat st;

  store_create(0);
  ck_assert_int_eq(stat(scratch_path("store"), &st), 0);
  ck_assert_int_eq(truncate(scratch_path("store"), st.st_size / 2), 0);
  REFUSED(store_try_open("store", 0, &store), RDISK_EDAMAGED, "store");
  REFUSED(store_try_open("store", RDISK_OPEN_READ_ONLY, &store), RDISK_EDAMAGED, "store");
  scratch_remove();
}
END_TEST

static int open_as_nobody(void *opaque)
{
  struct rdisk *store;

  (void)opaque;
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
    return 1;
  if (access(scratch_path("store"), R_OK) != 0)
    return 77; /* the folders above let nobody in */
  if (store_try_open("store", 0, &store) != RDISK_EPERM)
    return 2;
  if (!strstr(rdisk_last_error(), "open it read-only"))
    return 3;
  if (store_try_open("store", RDISK_OPEN_READ_ONLY, &store) != 0)
    return 4;
  return rdisk_close(store) == 0 ? 0 : 5;
}

START_TEST(read_only_file)
{
  int status;

  store_create(0);
  ck_assert_int_eq(chmod(scratch_path(""), 0755), 0);
  ck_assert_int_eq(chmod(scratch_path("store"), 0444), 0);
  status = in_child(open_as_nobody, NULL);
  ck_assert_msg(status == 0 || status == 77, "failed at %d", status);
  scratch_remove();
}
END_TEST

/* ---- calls ----------------------------------------------------------------------------- */

START_TEST(ranges)
{
  struct rdisk *store;
  char byte = 1;

  store_create(0);
  store = store_open(0);
  REFUSED(rdisk_read(store, &byte, 1, DISK_BYTES), RDISK_ERANGE, "ends at");
  REFUSED(rdisk_write(store, &byte, 1, DISK_BYTES, 0), RDISK_ERANGE, "ends at");
  REFUSED(rdisk_write(store, &byte, 1, UINT64_MAX, 0), RDISK_ERANGE, "ends at");
  REFUSED(rdisk_zero(store, UINT64_MAX, 1, 0), RDISK_ERANGE, "ends at");
  REFUSED(rdisk_trim(store, DISK_BYTES, 1, 0), RDISK_ERANGE, "ends at");
  OK(rdisk_read(store, &byte, 0, DISK_BYTES));
  OK(rdisk_write(store, &byte, 0, 0, 0));
  OK(rdisk_zero(store, 0, DISK_BYTES, 0));
  OK(rdisk_trim(store, 0, 0, 0));
  REFUSED(rdisk_write(store, &byte, 1, 0, 1u << 7), RDISK_EINVAL, "flags");
  REFUSED(rdisk_trim(store, 1, 0, RDISK_NO_HOLE), RDISK_EINVAL, "flags");
  REFUSED(rdisk_zero(store, 1, 0, 1u << 9), RDISK_EINVAL, "flags");
  REFUSED(rdisk_read(store, NULL, 1, 0), RDISK_EINVAL, "null");
  REFUSED(rdisk_write(store, NULL, 1, 0, 0), RDISK_EINVAL, "null");
  REFUSED(rdisk_list(store, NULL, NULL), RDISK_EINVAL, "null");
  REFUSED(rdisk_extents(store, 1, 0, NULL, NULL), RDISK_EINVAL, "null");
  REFUSED(rdisk_aio_checkpoint(store, NULL, NULL), RDISK_EINVAL, "no function");
  REFUSED(rdisk_checkpoint(NULL, NULL), RDISK_EINVAL, "no store");
  REFUSED(rdisk_close(NULL), RDISK_EINVAL, "no store");
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

static void never(void *opaque, int result)
{
  (void)opaque;
  (void)result;
  abort();
}

static int use_after_fork(void *opaque)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk_stats stats = RDISK_STATS_INIT;
  struct rdisk *store = opaque, *own;
  char byte = 0;
  int refused = 0;

  refused += rdisk_read(store, &byte, 1, 0) == RDISK_EFORK;
  refused += rdisk_write(store, &byte, 1, 0, 0) == RDISK_EFORK;
  refused += rdisk_zero(store, 1, 0, 0) == RDISK_EFORK;
  refused += rdisk_trim(store, 1, 0, 0) == RDISK_EFORK;
  refused += rdisk_drain(store) == RDISK_EFORK;
  refused += rdisk_checkpoint(store, NULL) == RDISK_EFORK;
  refused += rdisk_recover(store) == RDISK_EFORK;
  refused += rdisk_get_info(store, &info) == RDISK_EFORK;
  refused += rdisk_get_stats(store, &stats) == RDISK_EFORK;
  refused += rdisk_aio_read(store, &byte, 1, 0, never, NULL) == RDISK_EFORK;
  refused += rdisk_aio_checkpoint(store, never, NULL) == RDISK_EFORK;
  refused += rdisk_close(store) == RDISK_EFORK;
  if (refused != 12 || !strstr(rdisk_last_error(), "parent process"))
    return 1;
  if (store_try_open("store", 0, &own) != RDISK_EBUSY)
    return 2;
#ifdef __SANITIZE_THREAD__
  return 0; /* it cannot follow threads begun in the child of a program with threads */
#endif
  if (create("other", DISK_BYTES, 0) != 0 || store_try_open("other", 0, &own) != 0)
    return 3;
  return rdisk_write(own, &byte, 1, 0, RDISK_FUA) == 0 && rdisk_close(own) == 0 ? 0 : 4;
}

START_TEST(after_fork)
{
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  store_write(store, 1, BLOCK, 0);
  ck_assert_int_eq(in_child(use_after_fork, store), 0);
  ck_assert(store_has(store, 1, BLOCK, 0));
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  scratch_remove();
}
END_TEST

/* ---- checking ---------------------------------------------------------------------------- */

static void note_finding(void *opaque, enum rdisk_log_level level, const char *rule,
                         const char *line)
{
  struct log_lines *findings = opaque;

  (void)rule;
  log_keep(findings, level, line);
}

START_TEST(check)
{
  struct log_lines findings = { "" };
  unsigned char *garbage = aligned_memory(32 * BLOCK);
  struct rdisk *store;
  int fd;

  store_create(0);
  store = store_open(0);
  REFUSED(rdisk_check(scratch_path("store"), note_finding, NULL, &findings), RDISK_EBUSY, "in use");
  store_write(store, 1, 1 << 20, 0);
  OK(rdisk_checkpoint(store, NULL));
  OK(rdisk_close(store));
  OK(rdisk_check(scratch_path("store"), note_finding, NULL, &findings));
  ck_assert_str_eq(findings.text, "");
  REFUSED(rdisk_check(scratch_path("none"), note_finding, NULL, &findings), RDISK_ENOENT, "none");
  REFUSED(rdisk_check(scratch_path("store"), NULL, NULL, NULL), RDISK_EINVAL, "report");
  fill_pattern(garbage, 32 * BLOCK, 9);
  fd = open(scratch_path("store"), O_WRONLY | O_CLOEXEC);
  ck_assert_int_eq(pwrite(fd, garbage, 32 * BLOCK, 32 * BLOCK), 32 * BLOCK); /* both roots */
  close(fd);
  ck_assert_int_eq(rdisk_check(scratch_path("store"), note_finding, NULL, &findings),
                   RDISK_EDAMAGED);
  ck_assert_str_ne(findings.text, "");
  free(garbage);
  scratch_remove();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("api misuse");
  TCase *tests = tcase_create("misuse");

  tcase_add_test(tests, sizes_that_cannot_be);
  tcase_add_test(tests, larger_than_files_can_be);
  tcase_add_test(tests, options_that_cannot_be);
  tcase_add_test(tests, places_that_cannot_be);
  tcase_add_test(tests, what_exists_is_kept);
  tcase_add_test(tests, preallocation);
  tcase_add_test(tests, no_room);
  tcase_add_test(tests, host_fills_up);
  tcase_add_test(tests, files_that_are_no_stores);
  tcase_add_test(tests, truncated_store);
  tcase_add_test(tests, read_only_file);
  tcase_add_test(tests, ranges);
  tcase_add_test(tests, after_fork);
  tcase_add_test(tests, check);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
