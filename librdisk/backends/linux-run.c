/* SPDX-License-Identifier: BSD-3-Clause */
/* linux-run.c - one transfer, in the calling thread.
 *
 * Ordinary reads go to the page cache, writes past it; a read beyond the end of
 * the file finds zeroes.  Uncached reads come from the device: with direct I/O by
 * themselves (through a bounce buffer where the caller's is not aligned), without
 * it by writing the cache out and dropping the range first.
 *
 * What a code means.  Only a write or a reservation can be RDISK_ENOSPC, which
 * promises that trying again is safe; a flush that says ENOSPC has lost data
 * (delayed allocation) and is RDISK_EIO like the rest. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backends/linux.h"
#include "hosted/error.h"

/* An rdisk_iovec is passed to the kernel as it is. */
static_assert(sizeof(struct rdisk_iovec) == sizeof(struct iovec), "shape of iovec");
static_assert(offsetof(struct rdisk_iovec, base) == offsetof(struct iovec, iov_base),
              "shape of iovec");
static_assert(offsetof(struct rdisk_iovec, length) == offsetof(struct iovec, iov_len),
              "shape of iovec");

enum { BOUNCE_BYTES = 256 * 1024, PAGE = 4096 };

static const char *const op_names[] = { "?", "read", "write", "flush", "discard", "reserve" };

/* ---- failures ------------------------------------------------------------------ */

int linux_fail(struct linux_io *file, const struct rdisk_iocb *iocb, uint64_t done, int err)
{
  bool may_be_full = iocb->op == RDISK_IO_WRITE || iocb->op == RDISK_IO_RESERVE;
  int code = error_from_errno(err);

  if (code == RDISK_ENOSPC && may_be_full) {
    unsigned n = ++file->full;

    if ((n & (n - 1)) == 0)
      linux_log(file, RDISK_LOG_WARNING, "%s %s: offset %llu: %s; make room on its file system",
                op_names[iocb->op], file->path, (unsigned long long)(iocb->offset + done),
                strerror(err));
    return code;
  }
  linux_log(file, RDISK_LOG_ERROR, "%s %s: offset %llu: %s", op_names[iocb->op], file->path,
            (unsigned long long)(iocb->offset + done), strerror(err));
  return RDISK_EIO;
}

/* A file system may take O_DIRECT at open and refuse it at a write. */
static void leave_direct(struct linux_io *file)
{
  int status = fcntl(file->direct_fd, F_GETFL);

  fcntl(file->direct_fd, F_SETFL, status & ~O_DIRECT);
  if (atomic_exchange(&file->direct, false))
    linux_log(file, RDISK_LOG_WARNING,
              "write %s: the file system refuses direct I/O; writes go through the page cache",
              file->path);
}

/* ---- pieces of an iov ------------------------------------------------------------ */

/* What is left of IOCB's iov after DONE bytes, in REST; returns its length. */
static int iov_rest(const struct rdisk_iocb *iocb, uint64_t done, struct iovec *rest)
{
  int n = 0;

  for (unsigned i = 0; i < iocb->iov_count; i++) {
    const struct rdisk_iovec *v = &iocb->iov[i];

    if (done >= v->length) {
      done -= v->length;
      continue;
    }
    rest[n].iov_base = (char *)v->base + done;
    rest[n++].iov_len = v->length - done;
    done = 0;
  }
  return n;
}

static void zero_rest(const struct rdisk_iocb *iocb, uint64_t done)
{
  struct iovec rest[RDISK_IOV_MAX];
  int n = iov_rest(iocb, done, rest);

  for (int i = 0; i < n; i++)
    memset(rest[i].iov_base, 0, rest[i].iov_len);
}

static bool is_aligned(const struct linux_io *file, const struct rdisk_iocb *iocb, uint64_t done)
{
  uint64_t bits = iocb->offset | iocb->length | done;

  for (unsigned i = 0; i < iocb->iov_count; i++)
    bits |= (uintptr_t)iocb->iov[i].base | iocb->iov[i].length;
  return (bits & (file->io.unit_bytes - 1)) == 0;
}

bool linux_needs_care(const struct linux_io *file, const struct rdisk_iocb *iocb)
{
  return (iocb->flags & RDISK_IO_UNCACHED) && (!file->direct || !is_aligned(file, iocb, 0));
}

/* ---- transfers --------------------------------------------------------------------- */

static ssize_t vector_once(int fd, const struct rdisk_iocb *iocb, uint64_t done)
{
  const struct iovec *iov = (const struct iovec *)iocb->iov;
  int count = (int)iocb->iov_count;
  off_t offset = (off_t)(iocb->offset + done);
  struct iovec rest[RDISK_IOV_MAX];

  if (done > 0) {
    count = iov_rest(iocb, done, rest);
    iov = rest;
  }
  if (iocb->op == RDISK_IO_WRITE)
    return count == 1 ? pwrite(fd, iov->iov_base, iov->iov_len, offset)
                      : pwritev(fd, iov, count, offset);
  return count == 1 ? pread(fd, iov->iov_base, iov->iov_len, offset)
                    : preadv(fd, iov, count, offset);
}

/* Read a part through an aligned buffer. */
static ssize_t bounce_once(struct linux_io *file, const struct rdisk_iocb *iocb, uint64_t done)
{
  uint64_t unit = file->io.unit_bytes, offset = iocb->offset + done;
  uint64_t start = offset & ~(unit - 1), skip = offset - start;
  struct iovec rest[RDISK_IOV_MAX];
  ssize_t got, copied = 0;
  void *bounce;

  iov_rest(iocb, done, rest);
  if (posix_memalign(&bounce, unit, BOUNCE_BYTES) != 0) {
    errno = ENOMEM;
    return -1;
  }
  got = pread(file->direct_fd, bounce, BOUNCE_BYTES, (off_t)start);
  if (got > (ssize_t)skip) {
    copied = got - (ssize_t)skip;
    if ((size_t)copied > rest[0].iov_len)
      copied = (ssize_t)rest[0].iov_len;
    memcpy(rest[0].iov_base, (char *)bounce + skip, (size_t)copied);
  }
  free(bounce);
  return got < 0 ? got : copied;
}

/* Make the next buffered read of the range come from the device. */
static int drop_cache(struct linux_io *file, const struct rdisk_iocb *iocb)
{
  uint64_t start = iocb->offset & ~(uint64_t)(PAGE - 1);
  uint64_t end = (iocb->offset + iocb->length + PAGE - 1) & ~(uint64_t)(PAGE - 1);

  if (fdatasync(file->direct_fd) != 0)
    return -1;
  posix_fadvise(file->cached_fd, (off_t)start, (off_t)(end - start), POSIX_FADV_DONTNEED);
  return 0;
}

static ssize_t once(struct linux_io *file, const struct rdisk_iocb *iocb, uint64_t done)
{
  if (iocb->op == RDISK_IO_WRITE)
    return vector_once(file->direct_fd, iocb, done);
  if (!(iocb->flags & RDISK_IO_UNCACHED))
    return vector_once(file->cached_fd, iocb, done);
  if (!file->direct)
    return done == 0 && drop_cache(file, iocb) != 0 ? -1
                                                    : vector_once(file->cached_fd, iocb, done);
  return is_aligned(file, iocb, done) ? vector_once(file->direct_fd, iocb, done)
                                      : bounce_once(file, iocb, done);
}

int linux_transfer(struct linux_io *file, struct rdisk_iocb *iocb, uint64_t done)
{
  bool left_direct = false;

  while (done < iocb->length) {
    ssize_t n = once(file, iocb, done);

    if (n > 0) {
      done += (uint64_t)n;
    } else if (n == 0 && iocb->op == RDISK_IO_READ) {
      zero_rest(iocb, done);
      break;
    } else {
      int err = n == 0 ? EIO : errno;

      if (err == EINTR)
        continue;
      if (err == EINVAL && iocb->op == RDISK_IO_WRITE && !left_direct) {
        leave_direct(file);
        left_direct = true;
        continue;
      }
      return linux_fail(file, iocb, done, err);
    }
  }
  return 0;
}

static int flush(struct linux_io *file, struct rdisk_iocb *iocb)
{
  while (fdatasync(file->direct_fd) != 0)
    if (errno != EINTR)
      return linux_fail(file, iocb, 0, errno);
  return 0;
}

/* Advice: where it cannot be had, nothing is lost. */
static int discard(struct linux_io *file, struct rdisk_iocb *iocb)
{
  uint64_t range[2] = { iocb->offset, iocb->length };
  int r;

  do
    r = file->device ? ioctl(file->direct_fd, BLKDISCARD, range)
                     : fallocate(file->direct_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 (off_t)iocb->offset, (off_t)iocb->length);
  while (r != 0 && errno == EINTR);
  if (r != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != ENOSPC && errno != EDQUOT)
    return linux_fail(file, iocb, 0, errno);
  return 0;
}

static int reserve(struct linux_io *file, struct rdisk_iocb *iocb)
{
  if (file->device)
    return RDISK_ENOTSUP;
  while (fallocate(file->direct_fd, FALLOC_FL_KEEP_SIZE, (off_t)iocb->offset,
                   (off_t)iocb->length) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS)
      return RDISK_ENOTSUP;
    if (errno != EINTR)
      return linux_fail(file, iocb, 0, errno);
  }
  return 0;
}

int linux_run(struct rdisk_io *io, struct rdisk_iocb *iocb)
{
  struct linux_io *file = linux_io_of(io);

  assert(iocb->op == RDISK_IO_READ || !io->read_only || iocb->op == RDISK_IO_FLUSH);
  switch (iocb->op) {
  case RDISK_IO_READ:
  case RDISK_IO_WRITE:
    assert(iocb->iov_count >= 1 && iocb->iov_count <= RDISK_IOV_MAX);
    return iocb->result = linux_transfer(file, iocb, 0);
  case RDISK_IO_FLUSH:
    return iocb->result = flush(file, iocb);
  case RDISK_IO_DISCARD:
    return iocb->result = discard(file, iocb);
  case RDISK_IO_RESERVE:
    return iocb->result = reserve(file, iocb);
  }
  return iocb->result = RDISK_EINVAL;
}
