/* SPDX-License-Identifier: BSD-3-Clause */
/* test-lock.c - one writer or several readers, over paths, processes and forks. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hosted/hosted.h"
#include "unit.h"

struct holder {
  struct linux_io *file;
  struct store_lock lock;
};

static void make_store(void)
{
  int fd;

  scratch_make();
  fd = open(scratch_path("store"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
  close(fd);
}

static int hold(struct holder *holder, const char *name, bool read_only)
{
  int code = linux_io_open("open", scratch_path(name), read_only ? LINUX_READ_ONLY : 0, NULL,
                           NULL, &holder->file);

  if (code == 0 && (code = lock_take("open", holder->file, read_only, &holder->lock)) != 0)
    linux_io_close(holder->file);
  return code;
}

static void let_go(struct holder *holder)
{
  lock_release(&holder->lock);
  linux_io_close(holder->file);
}

static int try(void *opaque)
{
  struct holder holder;
  int code = hold(&holder, "store", opaque != NULL);

  if (code == 0)
    let_go(&holder);
  return -code;
}

static void *const READING = &(char){ 0 };

START_TEST(one_writer)
{
  struct holder one, two;

  make_store();
  ck_assert_int_eq(hold(&one, "store", false), 0);
  ck_assert_int_eq(hold(&two, "store", false), RDISK_EBUSY);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "the store is in use; close it there"));
  ck_assert_int_eq(hold(&two, "store", true), RDISK_EBUSY);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "in use by a writer"));
  ck_assert_int_eq(in_child(try, NULL), -RDISK_EBUSY);
  ck_assert_int_eq(in_child(try, READING), -RDISK_EBUSY);
  let_go(&one);
  ck_assert_int_eq(in_child(try, NULL), 0);
  scratch_remove();
}
END_TEST

START_TEST(several_readers)
{
  struct holder one, two, three;

  make_store();
  ck_assert_int_eq(hold(&one, "store", true), 0);
  ck_assert_int_eq(hold(&two, "store", true), 0);
  ck_assert_int_eq(in_child(try, READING), 0);
  ck_assert_int_eq(hold(&three, "store", false), RDISK_EBUSY);
  let_go(&one);
  ck_assert_int_eq(in_child(try, NULL), -RDISK_EBUSY);
  let_go(&two);
  ck_assert_int_eq(in_child(try, NULL), 0);
  scratch_remove();
}
END_TEST

START_TEST(other_paths)
{
  struct holder one, two;

  make_store();
  ck_assert_int_eq(link(scratch_path("store"), scratch_path("hard")), 0);
  ck_assert_int_eq(symlink("store", scratch_path("soft")), 0);
  ck_assert_int_eq(hold(&one, "hard", false), 0);
  ck_assert_int_eq(hold(&two, "store", false), RDISK_EBUSY);
  ck_assert_int_eq(hold(&two, "soft", true), RDISK_EBUSY);
  let_go(&one);
  scratch_remove();
}
END_TEST

START_TEST(deleted_file)
{
  struct holder holder;

  make_store();
  ck_assert_int_eq(linux_io_open("open", scratch_path("store"), 0, NULL, NULL, &holder.file), 0);
  unlink(scratch_path("store"));
  ck_assert_int_eq(lock_take("open", holder.file, false, &holder.lock), RDISK_EBUSY);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "replaced just now"));
  linux_io_close(holder.file);
  scratch_remove();
}
END_TEST

/* ---- fork ------------------------------------------------------------------------------ */

static unsigned generation; /* the parent's */

static int look_after_fork(void *opaque)
{
  struct holder *holder = opaque;

  if (fcntl(holder->file->direct_fd, F_GETFD) >= 0 || fcntl(holder->file->cached_fd, F_GETFD) >= 0)
    return 1; /* the descriptors should be closed */
  return lock_generation == generation + 1 ? 0 : 2;
}

START_TEST(child_has_nothing)
{
  struct holder holder;

  make_store();
  ck_assert_int_eq(hold(&holder, "store", false), 0);
  generation = lock_generation;
  ck_assert_int_eq(in_child(look_after_fork, &holder), 0);
  ck_assert_uint_eq(lock_generation, generation);
  ck_assert_int_eq(in_child(try, NULL), -RDISK_EBUSY);
  let_go(&holder);
  scratch_remove();
}
END_TEST

/* A process opens the store, forks a child that lives on, and is killed. */
static void holder_process(int out)
{
  struct holder holder;
  pid_t child;

  if (hold(&holder, "store", false) != 0)
    _exit(1);
  child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  if (write(out, &child, sizeof child) != sizeof child)
    _exit(2);
  pause();
  _exit(0);
}

START_TEST(orphan_does_not_hold)
{
  struct holder holder;
  pid_t parent, child;
  int pipes[2];

  make_store();
  ck_assert_int_eq(pipe(pipes), 0);
  parent = fork();
  if (parent == 0)
    holder_process(pipes[1]);
  ck_assert_int_eq(read(pipes[0], &child, sizeof child), sizeof child);
  ck_assert_int_eq(in_child(try, NULL), -RDISK_EBUSY);
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  ck_assert_int_eq(kill(child, 0), 0);
  ck_assert_int_eq(hold(&holder, "store", false), 0);
  let_go(&holder);
  kill(child, SIGKILL);
  close(pipes[0]);
  close(pipes[1]);
  scratch_remove();
}
END_TEST

/* A writer with a ring, killed in the midst of writes, must not keep the store from
 * the next one, and none of its writes may land once that one is in. */
static void writing_process(int out)
{
  unsigned char *memory = aligned_memory(4096);
  struct rdisk_iocb iocbs[32], *batch[32], *done[32];
  struct rdisk_iovec iov = { memory, 4096 };
  struct rdisk_ioq *queue;
  struct holder holder;

  memset(memory, 0xff, 4096);
  if (hold(&holder, "store", false) != 0 ||
      holder.file->io.ops->queue_open(&holder.file->io, 32, &queue) != 0)
    _exit(1);
  for (unsigned turn = 0;; turn++) {
    for (unsigned i = 0; i < 32; i++) {
      iocbs[i] = (struct rdisk_iocb){ .op = RDISK_IO_WRITE, .offset = i * 4096, .length = 4096,
                                      .iov = &iov, .iov_count = 1 };
      batch[i] = &iocbs[i];
    }
    holder.file->io.ops->submit(queue, batch, 32);
    if (turn == 20 && write(out, "", 1) != 1)
      _exit(2);
    for (unsigned got = 0; got < 32;)
      got += holder.file->io.ops->reap(queue, done, 32, 1);
  }
}

START_TEST(killed_in_mid_write)
{
  unsigned char *zeroes = aligned_memory(32 * 4096), *in = aligned_memory(32 * 4096);

  make_store();
  for (unsigned round = 0; round < 20; round++) {
    struct holder holder;
    int pipes[2];
    pid_t writer;
    char byte;

    ck_assert_int_eq(pipe(pipes), 0);
    writer = fork();
    if (writer == 0)
      writing_process(pipes[1]);
    ck_assert_int_eq(read(pipes[0], &byte, 1), 1);
    kill(writer, SIGKILL);
    ck_assert_int_eq(hold(&holder, "store", false), 0);
    ck_assert_int_eq(io_run(&holder.file->io, RDISK_IO_WRITE, 0, zeroes, 32 * 4096, 0), 0);
    waitpid(writer, NULL, 0);
    usleep(2000);
    ck_assert_int_eq(io_run(&holder.file->io, RDISK_IO_READ, RDISK_IO_UNCACHED, in, 32 * 4096, 0),
                     0);
    ck_assert(is_zero(in, 32 * 4096));
    let_go(&holder);
    close(pipes[0]);
    close(pipes[1]);
  }
  free(zeroes);
  free(in);
  scratch_remove();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("lock");
  TCase *locks = tcase_create("locks"), *forks = tcase_create("forks");

  tcase_add_test(locks, one_writer);
  tcase_add_test(locks, several_readers);
  tcase_add_test(locks, other_paths);
  tcase_add_test(locks, deleted_file);
  tcase_add_test(forks, child_has_nothing);
  tcase_add_test(forks, orphan_does_not_hold);
  tcase_add_test(forks, killed_in_mid_write);
  suite_add_tcase(suite, locks);
  suite_add_tcase(suite, forks);
  return run_suite(suite);
}
