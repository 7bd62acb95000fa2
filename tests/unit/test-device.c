/* SPDX-License-Identifier: BSD-3-Clause */
/* test-device.c - the Linux backend and the locks on a block device (a loop
 * device; root only). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted/hosted.h"
#include "store.h"

enum { DEVICE_BYTES = 8 << 20, UNIT = 4096 };

static char device[64];
static int keeper = -1; /* the device goes away when this is closed */

static int attach(int control, int backing)
{
  struct loop_config config = { .fd = (unsigned)backing, .block_size = 512 };
  int number = ioctl(control, LOOP_CTL_GET_FREE), fd;

  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if (number < 0)
    return -1;
  snprintf(device, sizeof device, "/dev/loop%d", number);
  fd = open(device, O_RDWR | O_CLOEXEC);
  if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Have a loop device on a new file; false: cannot. */
static bool make_device(void)
{
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), backing;

  if (control < 0)
    return false;
  scratch_make();
  backing = open(scratch_path("backing"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  /* Others may take a free one first. */
  for (int i = 0; ftruncate(backing, DEVICE_BYTES) == 0 && keeper < 0 && i < 50; i++) {
    keeper = attach(control, backing);
    if (keeper < 0 && errno != EBUSY)
      break;
  }
  close(backing);
  close(control);
  if (keeper < 0)
    scratch_remove();
  return keeper >= 0;
}

static void drop_device(void)
{
  close(keeper);
  keeper = -1;
  scratch_remove();
}

static int open_device(const char *path, unsigned flags, struct linux_io **file)
{
  return linux_io_open("open", path, flags, NULL, NULL, file);
}

START_TEST(transfers)
{
  unsigned char *memory = aligned_memory(256 * 1024);
  struct linux_io *file;

  ck_assert(make_device());
  ck_assert_int_eq(open_device(device, 0, &file), 0);
  ck_assert(file->device);
  ck_assert_uint_eq(file->io.size_bytes, DEVICE_BYTES);
  ck_assert(!file->io.reserves);
  ck_assert_uint_eq(linux_io_allocated(file), 0);
  fill_pattern(memory, 256 * 1024, 1);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_WRITE, 0, memory, 256 * 1024, 1 << 20), 0);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_FLUSH, 0, NULL, 0, 0), 0);
  for (uint32_t flags = 0; flags <= RDISK_IO_UNCACHED; flags++) {
    memset(memory, 0, 256 * 1024);
    ck_assert_int_eq(io_run(&file->io, RDISK_IO_READ, flags, memory, 256 * 1024, 1 << 20), 0);
    ck_assert(has_pattern(memory, 256 * 1024, 1));
  }
  ck_assert(file->io.discards);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_DISCARD, 0, NULL, 256 * 1024, 1 << 20), 0);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_READ, 0, memory, 256 * 1024, 1 << 20), 0);
  ck_assert(is_zero(memory, 256 * 1024));
  linux_io_close(file);
  free(memory);
  drop_device();
}
END_TEST

START_TEST(queue)
{
  unsigned char *memory = aligned_memory(32 * UNIT), *in = aligned_memory(32 * UNIT);
  struct rdisk_iocb iocbs[32], *batch[32], *done[32];
  struct rdisk_iovec iov[32];
  struct rdisk_ioq *q;
  struct linux_io *file;

  ck_assert(make_device());
  ck_assert_int_eq(open_device(device, 0, &file), 0);
  ck_assert_int_eq(file->io.ops->queue_open(&file->io, 32, &q), 0);
  fill_pattern(memory, 32 * UNIT, 2);
  for (unsigned i = 0; i < 32; i++) {
    iov[i] = (struct rdisk_iovec){ memory + i * UNIT, UNIT };
    iocbs[i] = (struct rdisk_iocb){ .op = i < 31 ? RDISK_IO_WRITE : RDISK_IO_DISCARD,
                                    .offset = i * UNIT, .length = UNIT, .iov = &iov[i],
                                    .iov_count = 1 };
    batch[i] = &iocbs[i];
  }
  file->io.ops->submit(q, batch, 32);
  ck_assert_uint_eq(file->io.ops->reap(q, done, 32, 32), 32);
  for (unsigned i = 0; i < 32; i++)
    ck_assert_int_eq(done[i]->result, 0);
  ck_assert_int_eq(io_run(&file->io, RDISK_IO_READ, 0, in, 31 * UNIT, 0), 0);
  ck_assert(has_pattern(in, 31 * UNIT, 2));
  file->io.ops->queue_close(&file->io, q);
  linux_io_close(file);
  free(memory);
  free(in);
  drop_device();
}
END_TEST

START_TEST(exclusion)
{
  struct linux_io *writer, *reader, *other;
  struct store_lock lock, second;
  struct stat st;

  ck_assert(make_device());
  ck_assert_int_eq(stat(device, &st), 0);
  ck_assert_int_eq(mknod(scratch_path("node"), S_IFBLK | 0600, st.st_rdev), 0);
  ck_assert_int_eq(open_device(device, 0, &writer), 0);
  ck_assert_int_eq(lock_take("open", writer, false, &lock), 0);
  ck_assert_int_eq(open_device(device, 0, &other), RDISK_EBUSY);
  ck_assert_int_eq(open_device(device, LINUX_READ_ONLY, &other), RDISK_EBUSY);
  ck_assert_int_eq(open_device(scratch_path("node"), 0, &other), RDISK_EBUSY);
  ck_assert_int_eq(open_device(scratch_path("node"), LINUX_READ_ONLY, &other), RDISK_EBUSY);
  ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "mounted or another process"));
  lock_release(&lock);
  linux_io_close(writer);

  ck_assert_int_eq(open_device(device, LINUX_READ_ONLY, &reader), 0);
  ck_assert_int_eq(lock_take("open", reader, true, &lock), 0);
  ck_assert_int_eq(open_device(device, LINUX_READ_ONLY, &other), 0);
  ck_assert_int_eq(lock_take("open", other, true, &second), 0);
  ck_assert_int_eq(open_device(device, 0, &writer), 0);
  {
    struct store_lock third;

    ck_assert_int_eq(lock_take("open", writer, false, &third), RDISK_EBUSY);
  }
  linux_io_close(writer);
  lock_release(&lock);
  lock_release(&second);
  linux_io_close(reader);
  linux_io_close(other);
  drop_device();
}
END_TEST

START_TEST(store_on_a_device)
{
  struct rdisk_create_options options = RDISK_CREATE_OPTIONS_INIT;
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk *store, *other;

  ck_assert(make_device());
  REFUSED(rdisk_create(device, 2 << 20, &options), RDISK_EEXIST, "use force");
  options.flags = RDISK_CREATE_FORCE;
  REFUSED(rdisk_create(device, DEVICE_BYTES, &options), RDISK_ENOSPC, "smaller size");
  OK(rdisk_create(device, 2 << 20, &options));
  OK(rdisk_open(device, NULL, &store));
  REFUSED(rdisk_open(device, NULL, &other), RDISK_EBUSY, "open for writing");
  REFUSED(rdisk_create(device, 2 << 20, &options), RDISK_EBUSY, "open for writing");
  store_write(store, 1, 1 << 20, 1000);
  OK(rdisk_checkpoint(store, NULL));
  store_write(store, 2, 1 << 20, 1000);
  OK(rdisk_close(store));
  OK(rdisk_open(device, NULL, &store));
  ck_assert(store_has(store, 1, 1 << 20, 1000));
  OK(rdisk_get_info(store, &info));
  ck_assert_uint_eq(info.allocated_bytes, 0);
  ck_assert_uint_le(info.store_bytes, DEVICE_BYTES);
  OK(rdisk_close(store));
  OK(rdisk_create(device, 1 << 20, &options));
  OK(rdisk_open(device, NULL, &store));
  ck_assert(store_has_zeroes(store, 1 << 20, 0));
  OK(rdisk_close(store));
  drop_device();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("device");
  TCase *loop = tcase_create("loop");

  if (!make_device()) {
    printf("1..0 # SKIP no loop device can be made here\n");
    return 0;
  }
  drop_device();
  tcase_add_test(loop, transfers);
  tcase_add_test(loop, queue);
  tcase_add_test(loop, exclusion);
  tcase_add_test(loop, store_on_a_device);
  suite_add_tcase(suite, loop);
  return run_suite(suite);
}
