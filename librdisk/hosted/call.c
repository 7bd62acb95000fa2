/* SPDX-License-Identifier: BSD-3-Clause */
/* call.c - the calls on an open store, each one a step into the core. */
#include "config.h"

#include "hosted/hosted.h"

int hosted_refuse(const struct rdisk *store, const char *operation)
{
  if (!store)
    return error_set(RDISK_EINVAL, "%s: no store; open one first", operation);
  return error_set(RDISK_EFORK, "%s: the store belongs to the parent process; open it after fork",
                   operation);
}

static int refuse_flags(const struct rdisk *store, const char *operation, uint32_t flags)
{
  return error_set(RDISK_EINVAL, "%s %s: unknown flags %#x; see librdisk(3)", operation,
                   store->hosted.path, flags);
}

static int refuse_null(const struct rdisk *store, const char *operation)
{
  return error_set(RDISK_EINVAL, "%s %s: a null pointer; give a buffer or a callback", operation,
                   store->hosted.path);
}

/* What RDISK_FUA asks for after a request that went well. */
static int finish(struct rdisk *store, int code, uint32_t flags)
{
  if (code == 0 && (flags & RDISK_FUA))
    code = rdisk_core_checkpoint(store->core, NULL);
  return code;
}

int rdisk_read(struct rdisk *store, void *buffer, size_t count, uint64_t offset)
{
  int code = hosted_enter(store, "read");

  if (code < 0)
    return code;
  if (!buffer && count > 0)
    return refuse_null(store, "read");
  return rdisk_core_read(store->core, buffer, count, offset);
}

int rdisk_write(struct rdisk *store, const void *buffer, size_t count, uint64_t offset,
                uint32_t flags)
{
  int code = hosted_enter(store, "write");

  if (code < 0)
    return code;
  if (flags & ~(uint32_t)RDISK_FUA)
    return refuse_flags(store, "write", flags);
  if (!buffer && count > 0)
    return refuse_null(store, "write");
  return finish(store, rdisk_core_write(store->core, buffer, count, offset), flags);
}

int rdisk_zero(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags)
{
  const uint32_t known = RDISK_FUA | RDISK_NO_HOLE | RDISK_FAST_ZERO;
  int code = hosted_enter(store, "zero");

  if (code < 0)
    return code;
  if (flags & ~known)
    return refuse_flags(store, "zero", flags);
  code = rdisk_core_zero(store->core, count, offset, flags & ~(uint32_t)RDISK_FUA);
  return finish(store, code, flags);
}

int rdisk_trim(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags)
{
  int code = hosted_enter(store, "trim");

  if (code < 0)
    return code;
  if (flags & ~(uint32_t)RDISK_FUA)
    return refuse_flags(store, "trim", flags);
  return finish(store, rdisk_core_trim(store->core, count, offset), flags);
}

int rdisk_extents(struct rdisk *store, uint64_t count, uint64_t offset, rdisk_extent_fn *extent,
                  void *opaque)
{
  int code = hosted_enter(store, "extents");

  if (code < 0)
    return code;
  if (!extent)
    return refuse_null(store, "extents");
  return rdisk_core_extents(store->core, count, offset, extent, opaque);
}

int rdisk_drain(struct rdisk *store)
{
  int code = hosted_enter(store, "drain");

  return code < 0 ? code : rdisk_core_drain(store->core);
}

int rdisk_checkpoint(struct rdisk *store, uint64_t *sequence)
{
  int code = hosted_enter(store, "checkpoint");

  return code < 0 ? code : rdisk_core_checkpoint(store->core, sequence);
}

int rdisk_recover(struct rdisk *store)
{
  int code = hosted_enter(store, "recover");

  return code < 0 ? code : rdisk_core_recover(store->core);
}

int rdisk_list(struct rdisk *store, rdisk_checkpoint_fn *checkpoint, void *opaque)
{
  int code = hosted_enter(store, "list");

  if (code < 0)
    return code;
  if (!checkpoint)
    return refuse_null(store, "list");
  return rdisk_core_list(store->core, checkpoint, opaque);
}
