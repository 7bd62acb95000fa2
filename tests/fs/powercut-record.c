/* SPDX-License-Identifier: BSD-3-Clause */
/* powercut-record.c - LD_PRELOADed into a server, logs what happens to its
 * store's file (RDISK_POWERCUT_STORE) in RDISK_POWERCUT_LOG.
 *
 * Every change and every flush leaves one event when it begins and one when it
 * has ended, each appended by a single call, so the log's order is one in which
 * it could have happened: what had ended before a flush began is on the disk
 * once that flush has ended, all else may or may not be.
 *
 * io_uring cannot be watched from here: a seccomp filter refuses it, as many a
 * sandbox does, and librdisk falls back to the calls below.
 */
#define _GNU_SOURCE 1 /* and no large-file macros: both names of a call are defined below */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "powercut.h"

enum { PIECES_MAX = 1023 };

static int log_fd = -1;
static struct stat store;
static atomic_uint_fast64_t last_id;

static void die(const char *what)
{
  fprintf(stderr, "powercut-record: %s: %m\n", what);
  abort();
}

static void refuse_io_uring(void)
{
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof code / sizeof *code, code };

  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    die("seccomp");
}

__attribute__((constructor)) static void begin(void)
{
  const char *log_path = getenv("RDISK_POWERCUT_LOG");
  const char *store_path = getenv("RDISK_POWERCUT_STORE");

  if (log_path == NULL || store_path == NULL || stat(store_path, &store) < 0)
    return;
  log_fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log_fd < 0)
    die(log_path);
  refuse_io_uring();
}

static bool is_store(int fd)
{
  int saved = errno;
  struct stat st;
  bool same =
      log_fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == store.st_dev && st.st_ino == store.st_ino;

  errno = saved;
  return same;
}

static void append(struct powercut_event *event, const struct iovec *iov, int count)
{
  int saved = errno;
  struct iovec pieces[PIECES_MAX + 1] = { { event, sizeof *event } };
  size_t length = sizeof *event;

  for (int i = 0; i < count; i++) {
    pieces[1 + i] = iov[i];
    length += iov[i].iov_len;
  }
  if (writev(log_fd, pieces, 1 + count) != (ssize_t)length)
    die("log");
  errno = saved;
}

static uint64_t record(enum powercut_type type, uint64_t offset, uint64_t length,
                       const struct iovec *iov, int count)
{
  struct powercut_event event = { POWERCUT_MAGIC, type, ++last_id, offset, length };

  append(&event, iov, count);
  return event.id;
}

static void record_done(uint64_t id)
{
  struct powercut_event event = { POWERCUT_MAGIC, POWERCUT_DONE, id, 0, 0 };

  append(&event, NULL, 0);
}

static uint64_t record_write(off64_t offset, const struct iovec *iov, int count)
{
  uint64_t length = 0;

  if (count > PIECES_MAX) {
    errno = E2BIG;
    die("write");
  }
  for (int i = 0; i < count; i++)
    length += iov[i].iov_len;
  if (length % sizeof(uint64_t) != 0) { /* the log's events are aligned */
    errno = EINVAL;
    die("write");
  }
  return record(POWERCUT_WRITE, offset, length, iov, count);
}

/* The next definition of the function NAME, of this function's type. */
#define NEXT(name)                                       \
  ({                                                     \
    static __typeof__(&name) next;                       \
    if (next == NULL)                                    \
      next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    next;                                                \
  })

#define RECORDED(id, call)            \
  ({                                  \
    uint64_t recorded = (id);         \
    __typeof__(call) result = (call); \
    record_done(recorded);            \
    result;                           \
  })

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset)
{
  struct iovec iov = { (void *)buffer, count };

  if (!is_store(fd))
    return NEXT(pwrite64)(fd, buffer, count, offset);
  return RECORDED(record_write(offset, &iov, 1), NEXT(pwrite64)(fd, buffer, count, offset));
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t offset)
{
  if (!is_store(fd))
    return NEXT(pwritev64)(fd, iov, count, offset);
  return RECORDED(record_write(offset, iov, count), NEXT(pwritev64)(fd, iov, count, offset));
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
  if (!is_store(fd))
    return NEXT(pwritev64v2)(fd, iov, count, offset, flags);
  return RECORDED(record_write(offset, iov, count),
                  NEXT(pwritev64v2)(fd, iov, count, offset, flags));
}

int fsync(int fd)
{
  if (!is_store(fd))
    return NEXT(fsync)(fd);
  return RECORDED(record(POWERCUT_FLUSH, 0, 0, NULL, 0), NEXT(fsync)(fd));
}

int fdatasync(int fd)
{
  if (!is_store(fd))
    return NEXT(fdatasync)(fd);
  return RECORDED(record(POWERCUT_FLUSH, 0, 0, NULL, 0), NEXT(fdatasync)(fd));
}

int ftruncate64(int fd, off64_t size)
{
  if (!is_store(fd))
    return NEXT(ftruncate64)(fd, size);
  return RECORDED(record(POWERCUT_SIZE, size, 0, NULL, 0), NEXT(ftruncate64)(fd, size));
}

/* Allocation that keeps the size changes no contents. */
int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
  if (!is_store(fd) || mode == FALLOC_FL_KEEP_SIZE)
    return NEXT(fallocate64)(fd, mode, offset, length);
  if (!(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))) {
    errno = EOPNOTSUPP;
    die("fallocate");
  }
  return RECORDED(record(POWERCUT_PUNCH, offset, length, NULL, 0),
                  NEXT(fallocate64)(fd, mode, offset, length));
}

/* Without large file support, and where it is the same: one body each. */
ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));
ssize_t pwritev(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev64")));
ssize_t pwritev2(int, const struct iovec *, int, off_t, int) __attribute__((alias("pwritev64v2")));
int ftruncate(int, off_t) __attribute__((alias("ftruncate64")));
int fallocate(int, int, off_t, off_t) __attribute__((alias("fallocate64")));
