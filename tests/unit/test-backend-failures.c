/* SPDX-License-Identifier: BSD-3-Clause */
/* test-backend-failures.c - what the Linux backend makes of refusals and failures. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"

static int without_uring(void *opaque)
{
  unsigned char *arena = aligned_memory(SLOTS * 2 * UNIT);
  unsigned char *other = aligned_memory(SLOTS * 2 * UNIT);

  if (!sandbox(SYS_io_uring_setup, *(int *)opaque, 0, 0))
    return 1;
  queue_round_trip(arena, other, 1);
  free(arena);
  free(other);
  return strcmp(io->ops->name, "pread/pwrite") == 0 ? 0 : 2;
}

START_TEST(uring_refused)
{
  static int errors[] = { EPERM, ENOSYS };

  set_up_way(WAY_URING);
  ck_assert_int_eq(in_child(without_uring, &errors[_i]), 0);
  tear_down();
}
END_TEST

static int closed_in_mid_course(void *opaque)
{
  unsigned char *arena = aligned_memory(SLOTS * 2 * UNIT);
  struct slot slots[DEPTH];
  struct rdisk_ioq *queue;

  (void)opaque;
  if (io->ops->queue_open(io, DEPTH, &queue) != 0)
    return 1;
  for (unsigned i = 0; i < DEPTH; i++) {
    fill_pattern(arena + i * UNIT, UNIT, i);
    slot_set(&slots[i], RDISK_IO_WRITE, 0, arena + i * UNIT, UNIT, i * UNIT);
  }
  if (!sandbox(SYS_io_uring_enter, EPERM, 0, 0))
    return 2;
  queue_run(queue, slots, DEPTH);
  if (file->io.ops == &linux_uring_ops && !strstr(lines.text, "io_uring has failed"))
    return 3;
  for (unsigned i = 0; i < DEPTH; i++)
    if (io_run(io, RDISK_IO_READ, 0, arena, UNIT, i * UNIT) != 0 || !has_pattern(arena, UNIT, i))
      return 4;
  io->ops->queue_close(io, queue);
  free(arena);
  return 0;
}

START_TEST(uring_fails_in_mid_course)
{
  set_up_way(WAY_URING);
  ck_assert_int_eq(in_child(closed_in_mid_course, NULL), 0);
  tear_down();
}
END_TEST

static int refused_direct_open(void *opaque)
{
  unsigned char *arena = aligned_memory(SLOTS * 2 * UNIT);
  unsigned char *other = aligned_memory(SLOTS * 2 * UNIT);

  (void)opaque;
  if (!sandbox(SYS_fcntl, EINVAL, 2, O_DIRECT))
    return 1;
  linux_io_close(file);
  file = open_file(scratch_path("store"), 0);
  io = &file->io;
  if (file->direct || !strstr(lines.text, "refuses direct I/O"))
    return 2;
  queue_round_trip(arena, other, 1);
  free(arena);
  free(other);
  linux_io_close(file);
  return 0;
}

START_TEST(direct_refused_at_open)
{
  set_up_way(WAY_URING);
  ck_assert_int_eq(in_child(refused_direct_open, NULL), 0);
  tear_down();
}
END_TEST

static int refused_direct_write(void *opaque)
{
  unsigned char *memory = aligned_memory(UNIT);

  (void)opaque;
  if (!sandbox(SYS_pwrite64, EINVAL, 2, UNIT)) /* writes of a page: never in buffered way too */
    return 1;
  if (io_run(io, RDISK_IO_WRITE, 0, memory, UNIT, 0) != RDISK_EIO)
    return 2;
  free(memory);
  return strstr(lines.text, "refuses direct I/O") && !file->direct ? 0 : 3;
}

START_TEST(direct_refused_at_a_write)
{
  set_up_way(WAY_PLAIN);
  ck_assert_int_eq(in_child(refused_direct_write, NULL), 0);
  tear_down();
}
END_TEST

static int fills_up(void *opaque)
{
  unsigned char *memory = aligned_memory(1 << 20);
  struct rdisk_iocb *done[1], *iocb;
  struct rdisk_ioq *queue;
  struct slot slot;

  (void)opaque;
  if (!mount_small_tmpfs(scratch_path(""), "512k"))
    return 77;
  make_file(scratch_path("full"), FILE_BYTES);
  file = open_file(scratch_path("full"), 0);
  io = &file->io;
  if (io_run(io, RDISK_IO_WRITE, 0, memory, 1 << 20, 0) != RDISK_ENOSPC)
    return 1;
  if (io_run(io, RDISK_IO_RESERVE, 0, NULL, 1 << 20, 0) != RDISK_ENOSPC)
    return 2;
  if (!strstr(lines.text, "make room"))
    return 3;
  slot_set(&slot, RDISK_IO_WRITE, 0, memory, 1 << 20, 0);
  iocb = &slot.iocb;
  if (io->ops->queue_open(io, 1, &queue) != 0)
    return 4;
  io->ops->submit(queue, &iocb, 1);
  if (io->ops->reap(queue, done, 1, 1) != 1 || done[0]->result != RDISK_ENOSPC)
    return 5;
  io->ops->queue_close(io, queue);
  linux_io_close(file);
  free(memory);
  return 0;
}

START_TEST(full)
{
  int status;

  scratch_make();
  status = in_child(fills_up, NULL);
  ck_assert_msg(status == 0 || status == 77, "failed at %d", status);
  scratch_remove();
}
END_TEST

static int beyond_the_limit(void *opaque)
{
  const struct rlimit limit = { 1 << 20, 1 << 20 };
  unsigned char *memory = aligned_memory(UNIT);
  struct rdisk_iocb *done[1], *iocb;
  struct rdisk_ioq *queue;
  struct slot slot;

  (void)opaque;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  if (io_run(io, RDISK_IO_WRITE, 0, memory, UNIT, 2 << 20) != RDISK_EIO)
    return 1;
  slot_set(&slot, RDISK_IO_WRITE, 0, memory, UNIT, 2 << 20);
  iocb = &slot.iocb;
  if (io->ops->queue_open(io, 1, &queue) != 0)
    return 2;
  io->ops->submit(queue, &iocb, 1);
  if (io->ops->reap(queue, done, 1, 1) != 1 || done[0]->result != RDISK_EIO)
    return 3;
  io->ops->queue_close(io, queue);
  free(memory);
  return strstr(lines.text, "offset 2097152") ? 0 : 4;
}

START_TEST(failing_writes)
{
  if (!set_up_way(_i))
    return;
  ck_assert_int_eq(in_child(beyond_the_limit, NULL), 0);
  tear_down();
}
END_TEST

START_TEST(not_a_store_file)
{
  struct linux_io *none = NULL;

  scratch_make();
  ck_assert_int_eq(linux_io_open("open", scratch_path("none"), 0, NULL, NULL, &none),
                   RDISK_ENOENT);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "none: No such file"));
  ck_assert_int_eq(linux_io_open("open", scratch_path(""), 0, NULL, NULL, &none), RDISK_EINVAL);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "a directory"));
  ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0600), 0);
  ck_assert_int_eq(linux_io_open("open", scratch_path("fifo"), 0, NULL, NULL, &none),
                   RDISK_EINVAL);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "a named pipe"));
  ck_assert_int_eq(linux_io_open("open", "/dev/null", 0, NULL, NULL, &none), RDISK_EINVAL);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "a character device"));
  scratch_remove();
}
END_TEST

START_TEST(read_only)
{
  unsigned char *memory = aligned_memory(UNIT);

  scratch_make();
  make_file(scratch_path("store"), FILE_BYTES);
  file = open_file(scratch_path("store"), LINUX_READ_ONLY);
  ck_assert(file->io.read_only);
  ck_assert(!file->io.discards && !file->io.reserves);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_READ, RDISK_IO_UNCACHED, memory, UNIT, 0), 0);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_READ, 0, memory, UNIT, 0), 0);
  ck_assert_int_eq(fcntl(file->direct_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  free(memory);
  tear_down();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("backend failures");
  TCase *once = tcase_create("failures");

  tcase_add_loop_test(once, failing_writes, 0, WAYS);
  tcase_add_loop_test(once, uring_refused, 0, 2);
  tcase_add_test(once, uring_fails_in_mid_course);
  tcase_add_test(once, direct_refused_at_open);
  tcase_add_test(once, direct_refused_at_a_write);
  tcase_add_test(once, full);
  tcase_add_test(once, not_a_store_file);
  tcase_add_test(once, read_only);
  suite_add_tcase(suite, once);
  return run_suite(suite);
}
