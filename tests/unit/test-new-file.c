/* SPDX-License-Identifier: BSD-3-Clause */
/* test-new-file.c - a file has its name when it is complete, or never. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hosted/error.h"
#include "hosted/new-file.h"
#include "unit.h"

#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

static int files_in_scratch(void)
{
  DIR *dir = opendir(scratch_path(""));
  struct dirent *entry;
  int n = 0;

  while (dir && (entry = readdir(dir)) != NULL)
    n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  if (dir)
    closedir(dir);
  return n;
}

static char first_byte(const char *name)
{
  int fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC);
  char byte = '?';

  if (fd < 0 || read(fd, &byte, 1) != 1)
    byte = '?';
  if (fd >= 0)
    close(fd);
  return byte;
}

static int make(const char *name, char byte, bool replace)
{
  struct new_file file;
  int code = new_file_open(scratch_path(name), &file);

  if (code < 0)
    return code;
  if (write(file.fd, &byte, 1) != 1)
    code = -100;
  if (code == 0)
    code = new_file_publish(&file, replace);
  new_file_close(&file);
  return code;
}

static int life_of_a_file(void *opaque)
{
  struct new_file file;
  struct stat st;

  if (opaque && !sandbox(SYS_openat, EOPNOTSUPP, 2, TMPFILE_BIT))
    return 1;
  if (new_file_open(scratch_path("a"), &file) != 0 || files_in_scratch() != (opaque ? 1 : 0))
    return 2;
  new_file_close(&file); /* given up */
  if (files_in_scratch() != 0)
    return 3;
  if (make("a", '1', false) != 0 || first_byte("a") != '1' || files_in_scratch() != 1)
    return 4;
  if (make("a", '2', false) != RDISK_EEXIST || first_byte("a") != '1' || files_in_scratch() != 1)
    return 5;
  if (make("a", '3', true) != 0 || first_byte("a") != '3' || files_in_scratch() != 1)
    return 6;
  if (stat(scratch_path("a"), &st) != 0 || (st.st_mode & 07777) != 0600 || st.st_nlink != 1)
    return 7;
  return 0;
}

START_TEST(without_a_name)
{
  scratch_make();
  ck_assert_int_eq(in_child(life_of_a_file, NULL), 0);
  scratch_remove();
}
END_TEST

START_TEST(with_a_temporary_name)
{
  scratch_make();
  ck_assert_int_eq(in_child(life_of_a_file, &(char){ 0 }), 0);
  scratch_remove();
}
END_TEST

START_TEST(symbolic_links)
{
  scratch_make();
  ck_assert_int_eq(make("a", '1', false), 0);
  ck_assert_int_eq(symlink("a", scratch_path("link")), 0);
  ck_assert_int_eq(make("link", '2', true), 0); /* replaces what it leads to */
  ck_assert_int_eq(first_byte("a"), '2');
  ck_assert_int_eq(files_in_scratch(), 2);
  ck_assert_int_eq(symlink("nowhere", scratch_path("dangling")), 0);
  ck_assert_int_eq(make("dangling", '3', false), RDISK_EEXIST);
  scratch_remove();
}
END_TEST

START_TEST(refusals)
{
  struct new_file file;

  scratch_make();
  ck_assert_int_eq(new_file_open(scratch_path("none/a"), &file), RDISK_ENOENT);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "make its directory first"));
  ck_assert_int_eq(new_file_open(scratch_path("a/"), &file), RDISK_EINVAL);
  ck_assert_int_eq(new_file_open("", &file), RDISK_EINVAL);
  ck_assert_int_eq(files_in_scratch(), 0);
  scratch_remove();
}
END_TEST

START_TEST(words_and_numbers)
{
  for (int code = RDISK_ETIMEDOUT; code <= 0; code++) {
    ck_assert_str_ne(rdisk_strerror(code), "unknown error code");
    ck_assert(code == 0 ? rdisk_to_errno(code) == 0 : rdisk_to_errno(code) > 0);
  }
  ck_assert_str_eq(rdisk_strerror(-1000), "unknown error code");
  ck_assert_int_eq(rdisk_to_errno(-1000), EIO);
  ck_assert_int_eq(error_from_errno(EDQUOT), RDISK_ENOSPC);
  ck_assert_int_eq(error_from_errno(ENXIO), RDISK_EIO);
  ck_assert_int_eq(error_set(RDISK_EIO, "%s %d", "line", 1), RDISK_EIO);
  ck_assert_str_eq(rdisk_last_error(), "line 1");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("new file");
  TCase *tests = tcase_create("new file");

  tcase_add_test(tests, without_a_name);
  tcase_add_test(tests, with_a_temporary_name);
  tcase_add_test(tests, symbolic_links);
  tcase_add_test(tests, refusals);
  tcase_add_test(tests, words_and_numbers);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
