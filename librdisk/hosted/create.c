/* SPDX-License-Identifier: BSD-3-Clause */
/* create.c - make a store, wholly or not at all.
 *
 * A regular file is made without a name (or, where the file system cannot do that,
 * under a temporary one beside its place: new-file.c), sized, written out if asked,
 * formatted and synced, and only then gets its name.  So a store that can be found
 * by its name is complete, and a crash leaves nothing behind.
 *
 * A device has its name already.  What was on it, of whatever kind, is made
 * unrecognisable first, so that until the superblock is written, last, there is
 * nothing on it at all. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted/hosted.h"
#include "hosted/new-file.h"

#define CREATE_FLAGS (RDISK_CREATE_PREALLOCATE | RDISK_CREATE_FORCE)

enum { LABEL_MAX = 63, ZEROES_BYTES = 4 << 20, WIPE_BYTES = 1 << 20 };

struct creation {
  const char *path;
  struct rdisk_create_options options;
  struct rdisk_core_format format;
  struct hosted_env hosted;
  struct linux_io *file;
  uint64_t store_bytes;
};

/* ---- what is wanted ---------------------------------------------------------------- */

static int check_label(const char *path, const char *label)
{
  size_t length = label ? strlen(label) : 0;

  if (length > LABEL_MAX)
    return error_set(RDISK_EINVAL, "create %s: a label of %zu bytes; give %d at most", path,
                     length, LABEL_MAX);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)label[i] < ' ' || label[i] == 0x7f)
      return error_set(RDISK_EINVAL, "create %s: a control character in the label; leave it out",
                       path);
  return 0;
}

static int take_options(struct creation *c, uint64_t size_bytes,
                        const struct rdisk_create_options *given)
{
  struct rdisk_create_options *options = &c->options;
  int code = options_take(options, sizeof *options, given, "create");

  if (code < 0)
    return code;
  if ((options->flags & ~(uint32_t)CREATE_FLAGS) || options->reserved)
    return error_set(RDISK_EINVAL, "create %s: unknown flags; use RDISK_CREATE_...", c->path);
  code = check_label(c->path, options->label);
  if (code < 0)
    return code;
  c->format = (struct rdisk_core_format){
    .size_bytes = size_bytes,
    .layout = options->layout ? options->layout : RDISK_LAYOUT_AB,
    .block_bytes = options->block_bytes ? options->block_bytes : 4096,
    .log_bytes = options->log_bytes,
    .label = options->label,
    .keep_space = (options->flags & RDISK_CREATE_PREALLOCATE) != 0,
  };
  if (getrandom(c->format.store_id, sizeof c->format.store_id, 0) !=
      (ssize_t)sizeof c->format.store_id)
    return error_system(errno, "create", c->path, "the kernel has no random numbers");
  return 0;
}

static int measure(struct creation *c)
{
  return rdisk_core_store_bytes(&c->hosted.env, &c->format, c->file->io.unit_bytes,
                                &c->store_bytes);
}

/* ---- writing -------------------------------------------------------------------------- */

static int flush(struct creation *c)
{
  struct rdisk_iocb iocb = { .op = RDISK_IO_FLUSH };

  if (c->file->io.ops->run(&c->file->io, &iocb) < 0)
    return error_set(RDISK_EIO, "create %s: the device failed to flush; check it", c->path);
  return 0;
}

static int write_zeroes_at(struct creation *c, void *zeroes, uint64_t offset, uint64_t length)
{
  struct rdisk_iovec iov = { zeroes, length };
  struct rdisk_iocb iocb = { .op = RDISK_IO_WRITE, .offset = offset, .length = length,
                             .iov = &iov, .iov_count = 1 };
  int code = c->file->io.ops->run(&c->file->io, &iocb);

  if (code < 0)
    return error_set(code, "create %s: offset %llu: %s; %s", c->path,
                     (unsigned long long)offset, rdisk_strerror(code),
                     code == RDISK_ENOSPC ? "make room, or choose a smaller size"
                                          : "check the device");
  return 0;
}

static int tell_progress(struct creation *c, uint64_t done, uint64_t total)
{
  if (!c->options.progress || c->options.progress(c->options.opaque, "create", done, total) == 0)
    return 0;
  return error_set(RDISK_ETIMEDOUT, "create %s: stopped at %llu of %llu bytes; %s", c->path,
                   (unsigned long long)done, (unsigned long long)total,
                   c->file->device ? "there is no store on the device now" : "nothing was made");
}

/* Write zeroes over the first LENGTH bytes. */
static int write_zeroes(struct creation *c, uint64_t length, bool progress)
{
  void *zeroes = mmap(NULL, ZEROES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
  int code = progress ? tell_progress(c, 0, length) : 0;

  if (zeroes == MAP_FAILED)
    return error_set(RDISK_ENOMEM, "create %s: out of memory; free some and try again", c->path);
  for (uint64_t offset = 0; code == 0 && offset < length;) {
    uint64_t step = length - offset < ZEROES_BYTES ? length - offset : ZEROES_BYTES;

    code = write_zeroes_at(c, zeroes, offset, step);
    offset += step;
    if (code == 0 && progress)
      code = tell_progress(c, offset, length);
  }
  munmap(zeroes, ZEROES_BYTES);
  return code;
}

static int format(struct creation *c)
{
  int code = 0;

  c->file->io.size_bytes = c->store_bytes;
  if (c->options.flags & RDISK_CREATE_PREALLOCATE)
    code = write_zeroes(c, c->store_bytes, true);
  if (code == 0)
    code = rdisk_core_format(&c->hosted.env, &c->file->io, &c->format);
  return code < 0 ? code : flush(c);
}

/* ---- regular files --------------------------------------------------------------------- */

/* Give the file its length, and its space if it is to be written out: that tells
 * of a lack of room at once and keeps the file in one piece. */
static int set_length(struct creation *c)
{
  int fd = c->file->direct_fd;

  if (c->store_bytes > INT64_MAX || ftruncate(fd, (off_t)c->store_bytes) != 0)
    return error_set(RDISK_EINVAL,
                     "create %s: its file system cannot hold a file of %llu bytes; choose a "
                     "smaller size", c->path, (unsigned long long)c->store_bytes);
  if ((c->options.flags & RDISK_CREATE_PREALLOCATE) &&
      fallocate(fd, 0, 0, (off_t)c->store_bytes) != 0 && (errno == ENOSPC || errno == EDQUOT))
    return error_set(RDISK_ENOSPC,
                     "create %s: the file system has no room for %llu bytes; make room, or "
                     "choose a smaller size", c->path, (unsigned long long)c->store_bytes);
  return 0;
}

static int fill_file(struct creation *c)
{
  int code = measure(c);

  if (code == 0)
    code = set_length(c);
  if (code == 0)
    code = format(c);
  if (code == 0 && fsync(c->file->direct_fd) != 0)
    code = error_system(errno, "create", c->path, "check the device");
  return code;
}

static int create_file(struct creation *c)
{
  struct new_file new;
  int code = new_file_open(c->path, &new);

  if (code < 0)
    return code;
  code = linux_io_wrap("create", fcntl(new.fd, F_DUPFD_CLOEXEC, 3), c->path, 0, c->options.log,
                       c->options.opaque, &c->file);
  if (code == 0) {
    code = fill_file(c);
    linux_io_close(c->file);
  }
  if (code == 0)
    code = new_file_publish(&new, (c->options.flags & RDISK_CREATE_FORCE) != 0);
  new_file_close(&new);
  return code;
}

/* Replace a file: it must not be a store in use, and stays locked until the new one
 * has its name. */
static int replace_file(struct creation *c)
{
  struct store_lock locked;
  struct linux_io *old;
  int code = linux_io_open("create", c->path, LINUX_BUFFERED, NULL, NULL, &old);

  if (code < 0)
    return code;
  code = lock_take("create", old, false, &locked);
  if (code == 0) {
    code = create_file(c);
    lock_release(&locked);
  }
  linux_io_close(old);
  return code;
}

/* ---- devices ------------------------------------------------------------------------------ */

static int fill_device(struct creation *c)
{
  uint64_t have = c->file->io.size_bytes;
  int code = measure(c);

  if (code == 0 && c->store_bytes > have)
    return error_set(RDISK_ENOSPC,
                     "create %s: the store needs %llu bytes and the device has %llu; choose a "
                     "smaller size", c->path, (unsigned long long)c->store_bytes,
                     (unsigned long long)have);
  if (code == 0)
    code = write_zeroes(c, c->store_bytes < WIPE_BYTES ? c->store_bytes : WIPE_BYTES, false);
  if (code == 0)
    code = flush(c);
  return code < 0 ? code : format(c);
}

static int create_on_device(struct creation *c)
{
  struct store_lock locked;
  int code = linux_io_open("create", c->path, 0, c->options.log, c->options.opaque, &c->file);

  if (code < 0)
    return code;
  code = lock_take("create", c->file, false, &locked);
  if (code == 0) {
    code = fill_device(c);
    lock_release(&locked);
  }
  linux_io_close(c->file);
  return code;
}

/* ---- which -------------------------------------------------------------------------------- */

static int create_at(struct creation *c)
{
  bool force = (c->options.flags & RDISK_CREATE_FORCE) != 0;
  struct stat st;

  if (stat(c->path, &st) != 0)
    return create_file(c);
  if (S_ISBLK(st.st_mode) && !force)
    return error_set(RDISK_EEXIST,
                     "create %s: this is a device and all on it would be lost; use force to "
                     "overwrite it", c->path);
  if (S_ISBLK(st.st_mode))
    return create_on_device(c);
  if (S_ISREG(st.st_mode) && !force)
    return error_set(RDISK_EEXIST, "create %s: it exists already; choose another name, or use "
                     "force to replace it", c->path);
  return replace_file(c); /* which refuses what is not a file */
}

int rdisk_create(const char *path, uint64_t size_bytes, const struct rdisk_create_options *given)
{
  struct creation c = { .path = path };
  uint64_t store_bytes;
  int code;

  if (!path)
    return error_set(RDISK_EINVAL, "create: no path; give one");
  code = take_options(&c, size_bytes, given);
  if (code < 0)
    return code;
  hosted_env_init(&c.hosted, path, c.options.log, c.options.opaque);
  code = rdisk_core_store_bytes(&c.hosted.env, &c.format, 4096, &store_bytes);
  if (code == 0) /* it can be: do it */
    code = create_at(&c);
  hosted_env_destroy(&c.hosted);
  return code;
}
