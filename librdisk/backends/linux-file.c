/* SPDX-License-Identifier: BSD-3-Clause */
/* linux-file.c - open a file or device and find out what it can do.
 *
 * What is at a path is looked at before it is opened: opening a FIFO or a tape
 * has effects.  One descriptor is opened by its path; the second is opened through
 * /proc/self/fd, so both are the same inode whatever happens to the path, and so
 * that files without a name (a store being created) work too.
 *
 * The atomic unit (D9) is what the device below reports as its physical block:
 * for a file, the device of its file system, where the kernel shows one. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "backends/linux.h"
#include "hosted/error.h"

enum {
  UNIT_MIN = 4096,
  UNIT_MAX = 65536, /* devices name larger "physical blocks" that mean only speed */
  CLAIM_TRIES = 40,
  CLAIM_PAUSE_MS = 5
};

void linux_log(const struct linux_io *file, enum rdisk_log_level level, const char *format, ...)
{
  char line[512];
  va_list args;

  if (!file->log)
    return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  file->log(file->log_opaque, level, line);
}

/* ---- what it is ----------------------------------------------------------- */

static int refuse_kind(const char *operation, const char *path, mode_t mode)
{
  const char *kind = S_ISDIR(mode)    ? "a directory"
                     : S_ISFIFO(mode) ? "a named pipe"
                     : S_ISSOCK(mode) ? "a socket"
                     : S_ISCHR(mode)  ? "a character device"
                                      : NULL;

  if (!kind)
    return 0;
  return error_set(RDISK_EINVAL, "%s %s: this is %s; give a regular file or a block device",
                   operation, path, kind);
}

static const char *open_advice(int err, bool read_only)
{
  switch (err) {
  case ENOENT:
  case ENOTDIR:
    return "check the name, or make a store with rdisk create";
  case EROFS:
    return "the file system is mounted read-only: open the store read-only, or remount";
  case EACCES:
  case EPERM:
    return read_only ? "check its permissions" : "check its permissions, or open it read-only";
  case EBUSY:
    return "it is mounted or another process has it open for writing: end that use first";
  default:
    return "check the device";
  }
}

/* EBUSY may be a claim that is just being given up: a reader's probe, or a process
 * that was killed and whose last writes are still on their way. */
static int open_claiming(const char *path, int flags)
{
  struct timespec pause = { .tv_nsec = CLAIM_PAUSE_MS * 1000000 };
  int fd;

  for (int i = 0; (fd = open(path, flags)) < 0 && i < CLAIM_TRIES; i++) {
    if (errno != EBUSY && errno != EINTR)
      break;
    nanosleep(&pause, NULL);
  }
  return fd;
}

/* A device is claimed with O_EXCL.  A reader claims it too, for a moment, to see
 * that no writer and no mount has it. */
static int open_path(const char *path, const struct stat *st, bool read_only)
{
  int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd, probe;

  if (!S_ISBLK(st->st_mode))
    return open(path, flags);
  probe = open_claiming(path, flags | O_EXCL);
  if (probe < 0 || !read_only)
    return probe;
  fd = open(path, flags);
  close(probe);
  return fd;
}

/* ---- what it can do --------------------------------------------------------- */

static uint64_t sysfs_number(dev_t device, const char *leaf)
{
  static const char *const forms[] = { "/sys/dev/block/%u:%u/queue/%s",
                                       "/sys/dev/block/%u:%u/../queue/%s" }; /* partitions */
  unsigned long long value = 0;
  char path[128];

  for (unsigned i = 0; i < 2; i++) {
    FILE *f;

    snprintf(path, sizeof path, forms[i], major(device), minor(device), leaf);
    f = fopen(path, "re");
    if (!f)
      continue;
    if (fscanf(f, "%llu", &value) != 1)
      value = 0;
    fclose(f);
    break;
  }
  return value;
}

static uint32_t atomic_unit(const struct linux_io *file, const struct stat *st,
                            const struct statx *stx)
{
  uint64_t physical = sysfs_number(file->device ? st->st_rdev : st->st_dev,
                                   "physical_block_size");
  uint32_t unit = UNIT_MIN;

#ifdef STATX_DIOALIGN
  if ((stx->stx_mask & STATX_DIOALIGN) && stx->stx_dio_offset_align > physical)
    physical = stx->stx_dio_offset_align;
#else
  (void)stx;
#endif
  while (unit < physical && unit < UNIT_MAX)
    unit *= 2;
  return unit;
}

/* Let direct_fd go past the page cache, if a first read shows that it can. */
static bool begin_direct(struct linux_io *file, int status_flags)
{
  bool works = false;
  void *probe;

  if (posix_memalign(&probe, UNIT_MAX, UNIT_MAX) != 0)
    return false;
  if (fcntl(file->direct_fd, F_SETFL, status_flags | O_DIRECT) == 0) {
    works = pread(file->direct_fd, probe, file->io.unit_bytes, 0) >= 0 || errno != EINVAL;
    if (!works)
      fcntl(file->direct_fd, F_SETFL, status_flags);
  }
  free(probe);
  return works;
}

/* io_uring helps where the file system can start a transfer without blocking;
 * elsewhere it hands each one to a worker thread, which costs more than the call. */
static bool starts_without_blocking(const struct linux_io *file)
{
  bool can = false;
  struct statfs fs;
  void *probe;

  if (fstatfs(file->direct_fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
    return false;
  if (posix_memalign(&probe, UNIT_MAX, UNIT_MAX) != 0)
    return false;
  struct iovec iov = { probe, file->io.unit_bytes };
  can = preadv2(file->direct_fd, &iov, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN;
  free(probe);
  return can;
}

/* A hole punched beyond the end changes nothing and tells whether it could be. */
static bool punches_holes(const struct linux_io *file)
{
  off_t beyond = (off_t)((file->io.size_bytes + 2 * UNIT_MAX) & ~(uint64_t)(UNIT_MAX - 1));

  return fallocate(file->direct_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, beyond,
                   UNIT_MAX) == 0 ||
         (errno != EOPNOTSUPP && errno != ENOSYS);
}

/* The first unit is the superblock's: it is allocated in any store. */
static bool reserves_space(const struct linux_io *file)
{
  return fallocate(file->direct_fd, FALLOC_FL_KEEP_SIZE, 0, file->io.unit_bytes) == 0 ||
         (errno != EOPNOTSUPP && errno != ENOSYS);
}

static int measure(struct linux_io *file, const struct stat *st)
{
  struct statx stx = { 0 };
  unsigned want = 0;

#ifdef STATX_DIOALIGN
  want = STATX_DIOALIGN;
#endif
  if (statx(file->direct_fd, "", AT_EMPTY_PATH, want, &stx) != 0)
    stx.stx_mask = 0;
  file->io.unit_bytes = atomic_unit(file, st, &stx);
  file->io.size_bytes = (uint64_t)st->st_size;
  if (file->device && ioctl(file->direct_fd, BLKGETSIZE64, &file->io.size_bytes) != 0)
    return -1;
  if (file->io.read_only)
    return 0;
  if (file->device) {
    file->io.discards = sysfs_number(st->st_rdev, "discard_max_bytes") > 0;
  } else {
    file->io.discards = punches_holes(file);
    file->io.reserves = reserves_space(file);
  }
  return 0;
}

/* ---- opening ------------------------------------------------------------------ */

static bool second_descriptor(struct linux_io *file)
{
  char self[64];

  snprintf(self, sizeof self, "/proc/self/fd/%d", file->direct_fd);
  file->cached_fd = open(self, O_RDONLY | O_CLOEXEC);
  return file->cached_fd >= 0;
}

static void choose_ways(struct linux_io *file, unsigned flags)
{
  int status = fcntl(file->direct_fd, F_GETFL) & ~(O_NONBLOCK | O_DIRECT);
  const char *why = NULL;

  fcntl(file->direct_fd, F_SETFL, status);
  if (!second_descriptor(file)) {
    file->cached_fd = file->direct_fd;
    why = "no /proc to open it a second time";
  } else if (!(flags & LINUX_BUFFERED)) {
    file->direct = begin_direct(file, status);
    if (!file->direct)
      why = "the file system refuses direct I/O";
  }
  if (why)
    linux_log(file, RDISK_LOG_WARNING, "open %s: %s; writes go through the page cache",
              file->path, why);
  file->io.ops = &linux_plain_ops;
  if (!(flags & LINUX_NO_URING) && file->direct && starts_without_blocking(file))
    file->io.ops = &linux_uring_ops;
}

int linux_io_wrap(const char *operation, int fd, const char *path, unsigned flags,
                  rdisk_log_fn *log, void *log_opaque, struct linux_io **out)
{
  struct linux_io *file = calloc(1, sizeof *file);
  struct stat st;
  int err;

  if (file)
    file->path = strdup(path);
  if (!file || !file->path) {
    free(file);
    close(fd);
    return error_set(RDISK_ENOMEM, "%s %s: out of memory; free some and try again", operation,
                     path);
  }
  file->direct_fd = file->cached_fd = fd;
  file->log = log;
  file->log_opaque = log_opaque;
  file->io.read_only = (flags & LINUX_READ_ONLY) != 0;
  if (fstat(fd, &st) == 0) {
    file->device = S_ISBLK(st.st_mode);
    if (measure(file, &st) == 0) {
      choose_ways(file, flags);
      *out = file;
      return 0;
    }
  }
  err = errno;
  linux_io_close(file);
  return error_system(err, operation, path, "check the device");
}

int linux_io_open(const char *operation, const char *path, unsigned flags, rdisk_log_fn *log,
                  void *log_opaque, struct linux_io **file)
{
  bool read_only = (flags & LINUX_READ_ONLY) != 0;
  struct stat st;
  int fd, code;

  if (stat(path, &st) != 0)
    return error_system(errno, operation, path, open_advice(errno, read_only));
  if ((code = refuse_kind(operation, path, st.st_mode)) != 0)
    return code;
  fd = open_path(path, &st, read_only);
  if (fd < 0)
    return error_system(errno, operation, path, open_advice(errno, read_only));
  if (fstat(fd, &st) == 0 && (code = refuse_kind(operation, path, st.st_mode)) != 0) {
    close(fd);
    return code;
  }
  return linux_io_wrap(operation, fd, path, flags, log, log_opaque, file);
}

void linux_io_close(struct linux_io *file)
{
  if (file->cached_fd != file->direct_fd)
    close(file->cached_fd);
  if (file->direct_fd >= 0)
    close(file->direct_fd);
  free(file->path);
  free(file);
}

uint64_t linux_io_allocated(const struct linux_io *file)
{
  struct stat st;

  if (file->device || fstat(file->direct_fd, &st) != 0)
    return 0;
  return (uint64_t)st.st_blocks * 512;
}
