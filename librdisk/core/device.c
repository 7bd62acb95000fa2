/* SPDX-License-Identifier: BSD-3-Clause */
/* Single transfers, made by the calling thread.  The figures are kept with
 * relaxed atomics, since the lock is not held here. */
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

int device_flush(struct rdisk_core *core)
{
  COUNT(device_flushes, 1);
  return device_simple(core, RDISK_IO_FLUSH, 0, 0);
}
