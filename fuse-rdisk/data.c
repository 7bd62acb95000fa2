/* SPDX-License-Identifier: BSD-3-Clause */
/* data.c - FUSE requests about bytes.
 *
 * Each thread of the session handles one request at a time, so it has one
 * buffer for reads, kept for its life and aligned so that the store can read
 * into it directly.  A write is handed to librdisk where it was received.
 *
 * O_DSYNC and O_SYNC: on a cached open the kernel sends an fsync after the
 * write, on a direct one it only passes the flag on.  The flush is made here
 * in both cases; the kernel's then finds nothing left to commit.
 *
 * The disk ends like a block device: a write beyond it gets ENOSPC, one that
 * reaches over the end is cut short.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse-rdisk.h"

/* ---- a thread's buffer ---- */

static pthread_key_t buffer_key; /* frees the buffer at the end of its thread */
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static __thread char *buffer;
static __thread size_t buffer_bytes;

static void make_buffer_key(void)
{
  if (pthread_key_create(&buffer_key, free) != 0)
    abort();
}

static char *thread_buffer(size_t bytes)
{
  void *memory;

  if (bytes <= buffer_bytes)
    return buffer;
  pthread_once(&buffer_once, make_buffer_key);
  if (posix_memalign(&memory, 4096, bytes) != 0)
    return NULL;
  free(buffer);
  buffer = memory;
  buffer_bytes = bytes;
  pthread_setspecific(buffer_key, buffer);
  return buffer;
}

/* ---- reading ---- */

/* How much of SIZE bytes at OFFSET lies on the disk. */
static size_t on_disk(const struct mount *mount, uint64_t size, uint64_t offset)
{
  if (offset >= mount->size_bytes)
    return 0;
  return size < mount->size_bytes - offset ? size : mount->size_bytes - offset;
}

void data_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
  struct mount *mount = fuse_req_userdata(req);
  size_t count = on_disk(mount, size, offset);

  (void)ino, (void)fi;
  char *memory = thread_buffer(count ? count : 1);
  if (memory == NULL) {
    fuse_reply_err(req, ENOMEM);
    return;
  }
  int code = count ? rdisk_read(mount->store, memory, count, offset) : 0;
  if (code < 0)
    ops_reply_failure(req, code);
  else
    fuse_reply_buf(req, memory, count);
}

struct seek {
  bool want_zero;
  uint64_t found;
};

static int seek_extent(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero)
{
  struct seek *seek = opaque;

  (void)length_bytes;
  if (zero != seek->want_zero)
    return 0;
  seek->found = offset;
  return 1;
}

void data_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
  struct mount *mount = fuse_req_userdata(req);
  struct seek seek = { .want_zero = whence == SEEK_HOLE, .found = mount->size_bytes };

  (void)ino, (void)fi;
  if (whence != SEEK_HOLE && whence != SEEK_DATA) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  if (offset < 0 || (uint64_t)offset >= mount->size_bytes) {
    fuse_reply_err(req, ENXIO);
    return;
  }
  int code = rdisk_extents(mount->store, mount->size_bytes - offset, offset, seek_extent, &seek);
  if (code < 0)
    ops_reply_failure(req, code);
  else if (code == 0 && whence == SEEK_DATA)
    fuse_reply_err(req, ENXIO);
  else
    fuse_reply_lseek(req, seek.found);
}

/* ---- writing ---- */

static void note_write(struct mount *mount)
{
  struct timespec now;

  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  atomic_store_explicit(&mount->modified_ns, now.tv_sec * 1000000000LL + now.tv_nsec,
                        memory_order_relaxed);
}

void data_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
                struct fuse_file_info *fi)
{
  struct mount *mount = fuse_req_userdata(req);
  size_t count = on_disk(mount, size, offset);

  (void)ino;
  if (count == 0 && size > 0) {
    fuse_reply_err(req, ENOSPC);
    return;
  }
  int code = count ? rdisk_write(mount->store, bytes, count, offset, 0) : 0;
  if (code == 0)
    note_write(mount);
  if (code == 0 && (fi->flags & (O_SYNC | O_DSYNC)))
    code = rdisk_server_flush(mount->server);
  if (code < 0)
    ops_reply_failure(req, code);
  else
    fuse_reply_write(req, count);
}

void data_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
  struct mount *mount = fuse_req_userdata(req);
  int code = rdisk_server_flush(mount->server);

  (void)ino, (void)datasync, (void)fi;
  if (code < 0)
    ops_reply_failure(req, code);
  else
    fuse_reply_err(req, 0);
}

void data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                    struct fuse_file_info *fi)
{
  struct mount *mount = fuse_req_userdata(req);
  uint64_t count = on_disk(mount, length, offset);
  bool punch = mode & FALLOC_FL_PUNCH_HOLE;
  bool zero = mode & FALLOC_FL_ZERO_RANGE;
  int code = 0;

  (void)ino, (void)fi;
  if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
    fuse_reply_err(req, EOPNOTSUPP);
    return;
  }
  if (count < (uint64_t)length && !(mode & FALLOC_FL_KEEP_SIZE)) {
    fuse_reply_err(req, EFBIG);
    return;
  }
  if ((punch || zero) && count > 0) {
    code = rdisk_zero(mount->store, count, offset, punch ? 0 : RDISK_NO_HOLE);
    note_write(mount);
  }
  if (code < 0)
    ops_reply_failure(req, code);
  else
    fuse_reply_err(req, 0);
}
