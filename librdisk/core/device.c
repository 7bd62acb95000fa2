/* SPDX-License-Identifier: BSD-3-Clause */
/* Single transfers, made by the calling thread.  The figures are kept with
 * relaxed atomics, since the lock is mostly not held here. */
#include "core.h"

#define COUNT(field, n) __atomic_fetch_add(&core->stats.field, (n), __ATOMIC_RELAXED)

uint32_t core_atom(const struct rdisk_core *core)
{
  return core->sb.atom_bytes;
}

static int transfer(struct rdisk_core *core, enum rdisk_io_op op, void *buffer, size_t bytes,
                    uint64_t offset, uint32_t flags)
{
  struct rdisk_iovec iov = { buffer, bytes };
  struct rdisk_iocb iocb = {
    .op = op, .flags = flags, .offset = offset, .length = bytes, .iov = &iov, .iov_count = 1
  };

  return core->io->ops->run(core->io, &iocb);
}

int device_read(struct rdisk_core *core, void *buffer, size_t bytes, uint64_t offset,
                uint32_t flags)
{
  return transfer(core, RDISK_IO_READ, buffer, bytes, offset, flags);
}

int device_write(struct rdisk_core *core, const void *buffer, size_t bytes, uint64_t offset)
{
  COUNT(device_writes, 1);
  COUNT(device_write_bytes, bytes);
  return transfer(core, RDISK_IO_WRITE, (void *)(uintptr_t)buffer, bytes, offset, 0);
}

int device_simple(struct rdisk_core *core, enum rdisk_io_op op, uint64_t offset, uint64_t length)
{
  struct rdisk_iocb iocb = { .op = op, .offset = offset, .length = length };

  return core->io->ops->run(core->io, &iocb);
}

/* One flush at a time.  A device that has lost data tells it once: had two
 * flushes run side by side, the one that did not hear of it would vouch for what
 * is gone (D8). */
int device_flush(struct rdisk_core *core, const char *of)
{
  int code;

  while (core->flushing)
    core_wait(core, RDISK_CHANNEL_IO);
  if (core->failed)
    return core->failed;
  core->flushing = true;
  core->stats.device_flushes++;
  core_unlock(core);
  code = device_simple(core, RDISK_IO_FLUSH, 0, 0);
  core_lock(core);
  core->flushing = false;
  if (code)
    core_fail(core, code, of, 0);
  core_wake(core, RDISK_CHANNEL_IO);
  return core->failed;
}
