/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.c - a recoverable disk as an NBD export: nbdkit's callbacks.
 *
 * All connections share one store, which is thread-safe, so requests run in
 * parallel and a flush on one connection covers the writes of all (multi-conn).
 * FUA is native: under the policy `manual`, where a flush is no checkpoint, it
 * is no checkpoint either.  The store has one disk: the export "".
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

enum {
  REQUEST_MAX = 32 * 1024 * 1024, /* advertised; nbdkit's own limit is higher */
  CACHE_STEP = 256 * 1024,
  EXTENTS_MAX = 65536 /* in one answer; the client asks on from there */
};

struct plugin plugin = { .policy = RDISK_SERVER_OPTIONS_INIT };

NBDKIT_DLL_PUBLIC int rdisk_debug_io;
NBDKIT_DLL_PUBLIC int rdisk_debug_log;

/* ---- results ------------------------------------------------------------------ */

/* What NBD can say; all else would reach the client as EINVAL. */
static int nbd_errno(int code)
{
  switch (code) {
  case RDISK_EINVAL:
  case RDISK_ENOMEM:
  case RDISK_ENOSPC:
  case RDISK_EROFS:
  case RDISK_ENOTSUP:
    return rdisk_to_errno(code);
  case RDISK_ERANGE:
    return EINVAL;
  default:
    return EIO;
  }
}

static int failed(int code)
{
  nbdkit_error("%s", rdisk_last_error());
  nbdkit_set_error(nbd_errno(code));
  return -1;
}

static int64_t now_us(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* For -D rdisk.io=1: the time a request began; 0: nobody asks. */
static int64_t request_begin(void)
{
  return rdisk_debug_io ? now_us() : 0;
}

static int request_end(int64_t begin_us, const char *operation, uint32_t count, uint64_t offset,
                       uint32_t flags, int result)
{
  if (begin_us != 0)
    nbdkit_debug("%s: %" PRIu32 " bytes at %" PRIu64 "%s: %s, %" PRId64 " us", operation, count,
                 offset, flags & NBDKIT_FLAG_FUA ? " (FUA)" : "", rdisk_strerror(result),
                 now_us() - begin_us);
  return result < 0 ? failed(result) : 0;
}

/* ---- FUA -------------------------------------------------------------------- */

static uint32_t fua_flag(uint32_t flags)
{
  bool checkpoint = plugin.policy.policy == RDISK_POLICY_FLUSH;

  return flags & NBDKIT_FLAG_FUA && checkpoint ? RDISK_FUA : 0;
}

/* Without a checkpoint FUA is what a flush is under this policy. */
static int fua_finish(uint32_t flags, int result)
{
  if (result == 0 && flags & NBDKIT_FLAG_FUA && fua_flag(flags) == 0)
    return rdisk_server_flush(plugin.server);
  return result;
}

/* ---- requests --------------------------------------------------------------- */

static int plugin_pread(void *handle, void *buffer, uint32_t count, uint64_t offset, uint32_t flags)
{
  int64_t begin_us = request_begin();
  int result = rdisk_read(plugin.store, buffer, count, offset);

  (void)handle;
  return request_end(begin_us, "read", count, offset, flags, result);
}

static int plugin_pwrite(void *handle, const void *buffer, uint32_t count, uint64_t offset,
                         uint32_t flags)
{
  int64_t begin_us = request_begin();
  int result = rdisk_write(plugin.store, buffer, count, offset, fua_flag(flags));

  (void)handle;
  return request_end(begin_us, "write", count, offset, flags, fua_finish(flags, result));
}

static int plugin_flush(void *handle, uint32_t flags)
{
  int64_t begin_us = request_begin();
  int result = rdisk_server_flush(plugin.server);

  (void)handle;
  return request_end(begin_us, "flush", 0, 0, flags, result);
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  int64_t begin_us = request_begin();
  int result = rdisk_trim(plugin.store, count, offset, fua_flag(flags));

  (void)handle;
  return request_end(begin_us, "trim", count, offset, flags, fua_finish(flags, result));
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  int64_t begin_us = request_begin();
  uint32_t zero_flags = fua_flag(flags);
  int result;

  (void)handle;
  if (!(flags & NBDKIT_FLAG_MAY_TRIM))
    zero_flags |= RDISK_NO_HOLE;
  if (flags & NBDKIT_FLAG_FAST_ZERO)
    zero_flags |= RDISK_FAST_ZERO;
  result = rdisk_zero(plugin.store, count, offset, zero_flags);
  if (result == RDISK_ENOTSUP && flags & NBDKIT_FLAG_FAST_ZERO) {
    nbdkit_set_error(ENOTSUP); /* an answer, not a fault: no error line */
    return -1;
  }
  return request_end(begin_us, "zero", count, offset, flags, fua_finish(flags, result));
}

/* A prefetch: reading leaves the data in the host's cache. */
static int plugin_cache(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  int64_t begin_us = request_begin();
  char *scratch = malloc(CACHE_STEP);
  int result = 0;

  (void)handle;
  if (scratch == NULL) {
    nbdkit_error("cache: no memory");
    nbdkit_set_error(ENOMEM);
    return -1;
  }
  for (uint32_t done = 0, step; result == 0 && done < count; done += step) {
    step = count - done < CACHE_STEP ? count - done : CACHE_STEP;
    result = rdisk_read(plugin.store, scratch, step, offset + done);
  }
  free(scratch);
  return request_end(begin_us, "cache", count, offset, flags, result);
}

/* ---- extents ------------------------------------------------------------------ */

struct extents_request {
  struct nbdkit_extents *extents;
  unsigned count;
  bool one; /* the client wants only the first */
};

enum { EXTENTS_ENOUGH = 1, EXTENTS_FAILED = 2 };

static int add_extent(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero)
{
  struct extents_request *request = opaque;
  uint32_t type = zero ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0;

  if (nbdkit_add_extent(request->extents, offset, length_bytes, type) < 0)
    return EXTENTS_FAILED;
  request->count++;
  return request->one || request->count == EXTENTS_MAX ? EXTENTS_ENOUGH : 0;
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                          struct nbdkit_extents *extents)
{
  struct extents_request request = { .extents = extents, .one = flags & NBDKIT_FLAG_REQ_ONE };
  int result = rdisk_extents(plugin.store, count, offset, add_extent, &request);

  (void)handle;
  if (result == EXTENTS_FAILED)
    return -1; /* nbdkit_add_extent has said why */
  return result < 0 ? failed(result) : 0;
}

/* ---- a connection, and what the export can do ------------------------------------ */

static void *plugin_open(int readonly)
{
  (void)readonly;
  if (nbdkit_export_name() != NULL && nbdkit_export_name()[0] != '\0') {
    nbdkit_error("the store has one disk, the export \"\": there is none of the name asked for");
    nbdkit_set_error(ENOENT);
    return NULL;
  }
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t plugin_get_size(void *handle)
{
  (void)handle;
  return (int64_t)plugin.info.size_bytes;
}

/* Any request is served; those of whole copy units need no read before. */
static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
                             uint32_t *maximum)
{
  (void)handle;
  *minimum = 1;
  *preferred = plugin.info.unit_bytes;
  *maximum = REQUEST_MAX;
  return 0;
}

static int plugin_can_write(void *handle)
{
  (void)handle;
  return !plugin.info.read_only;
}

static int plugin_yes(void *handle)
{
  (void)handle;
  return 1;
}

static int plugin_can_fua(void *handle)
{
  (void)handle;
  return NBDKIT_FUA_NATIVE;
}

static int plugin_can_cache(void *handle)
{
  (void)handle;
  return NBDKIT_CACHE_NATIVE;
}

static const char *plugin_description(void *handle)
{
  (void)handle;
  if (plugin.info.label[0] != '\0')
    return nbdkit_strndup_intern(plugin.info.label, sizeof plugin.info.label);
  return "recoverable disk";
}

static int plugin_list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
  (void)readonly;
  (void)is_tls;
  return nbdkit_add_export(exports, "", plugin_description(NULL));
}

static const char *plugin_default_export(int readonly, int is_tls)
{
  (void)readonly;
  (void)is_tls;
  return "";
}

/* ---- the process ---------------------------------------------------------------- */

static void plugin_unload(void)
{
  plugin_stop();
  plugin_config_free();
}

static void plugin_dump(void)
{
  printf("rdisk_version=%s\n", rdisk_version());
  printf("rdisk_layouts=ab\n");
  printf("rdisk_checkpoint=flush manual SECONDS\n");
  printf("rdisk_control=yes\n");
}

static struct nbdkit_plugin callbacks = {
  .name = "rdisk",
  .longname = "nbdkit rdisk plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve a recoverable disk: after any crash it is exactly its last checkpoint",
  .unload = plugin_unload,
  .dump_plugin = plugin_dump,
  .config = plugin_config,
  .config_complete = plugin_config_complete,
  .config_help = plugin_config_help,
  .magic_config_key = "store",
  .get_ready = plugin_get_ready,
  .after_fork = plugin_after_fork,
  .cleanup = plugin_stop,
  .list_exports = plugin_list_exports,
  .default_export = plugin_default_export,
  .export_description = plugin_description,
  .open = plugin_open,
  .get_size = plugin_get_size,
  .block_size = plugin_block_size,
  .can_write = plugin_can_write,
  .can_flush = plugin_yes,
  .can_trim = plugin_yes,
  .can_zero = plugin_yes,
  .can_fast_zero = plugin_yes,
  .can_extents = plugin_yes,
  .can_multi_conn = plugin_yes,
  .can_fua = plugin_can_fua,
  .can_cache = plugin_can_cache,
  .pread = plugin_pread,
  .pwrite = plugin_pwrite,
  .flush = plugin_flush,
  .trim = plugin_trim,
  .zero = plugin_zero,
  .extents = plugin_extents,
  .cache = plugin_cache,
};

struct nbdkit_plugin *plugin_init(void);
NBDKIT_REGISTER_PLUGIN(callbacks)
