/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk.c - open and close: a file, its lock, a core on it, a thread behind it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hosted/hosted.h"

#define BUFFER_BYTES_DEFAULT (UINT64_C(16) << 20)
#define BUFFER_BYTES_MAX (UINT64_C(1) << 40)
#define OPEN_FLAGS (RDISK_OPEN_READ_ONLY | RDISK_OPEN_NO_URING | RDISK_OPEN_BUFFERED)

static int take_options(const char *path, const struct rdisk_open_options *given,
                        struct rdisk_open_options *options)
{
  int code = options_take(options, sizeof *options, given, "open");

  if (code < 0)
    return code;
  if (options->flags & ~(uint32_t)OPEN_FLAGS)
    return error_set(RDISK_EINVAL, "open %s: unknown flags %#x; use RDISK_OPEN_...", path,
                     options->flags & ~(uint32_t)OPEN_FLAGS);
  if (options->buffer_bytes > BUFFER_BYTES_MAX)
    return error_set(RDISK_EINVAL, "open %s: a write buffer of %llu bytes; give 1 TiB at most",
                     path, (unsigned long long)options->buffer_bytes);
  if (options->buffer_bytes == 0)
    options->buffer_bytes = BUFFER_BYTES_DEFAULT;
  return 0;
}

static unsigned file_flags(uint32_t flags)
{
  return (flags & RDISK_OPEN_READ_ONLY ? LINUX_READ_ONLY : 0u) |
         (flags & RDISK_OPEN_NO_URING ? LINUX_NO_URING : 0u) |
         (flags & RDISK_OPEN_BUFFERED ? LINUX_BUFFERED : 0u);
}

static int open_core(struct rdisk *store, const struct rdisk_open_options *options)
{
  struct rdisk_core_options core_options = {
    .read_only = (options->flags & RDISK_OPEN_READ_ONLY) != 0,
    .inline_blocks = options->inline_blocks,
    .buffer_bytes = options->buffer_bytes,
  };
  int code = rdisk_core_open(&store->hosted.env, &store->file->io, &core_options, &store->core);

  if (code < 0)
    return code;
  code = hosted_background_start(&store->hosted, store->core);
  if (code < 0)
    rdisk_core_close(store->core, true);
  return code;
}

/* The file is open: lock it, and go on from there. */
static int open_locked(struct rdisk *store, const struct rdisk_open_options *options)
{
  bool read_only = (options->flags & RDISK_OPEN_READ_ONLY) != 0;
  int code = lock_take("open", store->file, read_only, &store->locked);

  if (code < 0)
    return code;
  hosted_env_init(&store->hosted, store->file->path, options->log, options->opaque);
  store->async = async_new(store);
  code = store->async ? open_core(store, options)
                      : error_set(RDISK_ENOMEM, "open %s: out of memory; free some and try again",
                                  store->file->path);
  if (code == 0)
    return 0;
  if (store->async)
    async_finish(store->async);
  hosted_env_destroy(&store->hosted);
  lock_release(&store->locked);
  return code;
}

int rdisk_open(const char *path, const struct rdisk_open_options *given, struct rdisk **out)
{
  struct rdisk_open_options options;
  struct rdisk *store;
  int code;

  if (!path || !out)
    return error_set(RDISK_EINVAL, "open: no path, or no place for the handle; give both");
  *out = NULL;
  code = take_options(path, given, &options);
  if (code < 0)
    return code;
  store = calloc(1, sizeof *store);
  if (!store)
    return error_set(RDISK_ENOMEM, "open %s: out of memory; free some and try again", path);
  code = linux_io_open("open", path, file_flags(options.flags), options.log, options.opaque,
                       &store->file);
  if (code == 0) {
    code = open_locked(store, &options);
    if (code < 0)
      linux_io_close(store->file);
  }
  if (code < 0) {
    free(store);
    return code;
  }
  store->generation = lock_generation;
  *out = store;
  return 0;
}

int rdisk_close(struct rdisk *store)
{
  int code = hosted_enter(store, "close");

  if (code < 0)
    return code;
  async_finish(store->async);
  hosted_background_stop(&store->hosted);
  code = rdisk_core_close(store->core, false);
  lock_release(&store->locked);
  hosted_env_destroy(&store->hosted);
  linux_io_close(store->file);
  free(store);
  return code;
}
