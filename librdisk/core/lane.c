/* SPDX-License-Identifier: BSD-3-Clause */
/* A lane: one of the device's queues with the transfers it can carry.  There
 * are two, so that a commit need not wait behind what is written behind. */
#include "core.h"

#define COUNT(field, n) __atomic_fetch_add(&core->stats.field, (n), __ATOMIC_RELAXED)

int lane_create(struct rdisk_core *core, struct lane *lane)
{
  lane->depth = core->buf_count < LANE_DEPTH ? (unsigned)core->buf_count : LANE_DEPTH;
  lane->iov_max = core->buf_count < RDISK_IOV_MAX ? (unsigned)core->buf_count : RDISK_IOV_MAX;
  lane->transfers = core_alloc(&core->env, lane->depth * sizeof *lane->transfers);
  lane->iovs = core_alloc(&core->env, (size_t)lane->depth * lane->iov_max * sizeof *lane->iovs);
  lane->batch = core_alloc(&core->env, lane->depth * sizeof *lane->batch);
  if (!lane->transfers || !lane->iovs || !lane->batch)
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory for transfers");
  for (unsigned i = 0; i < lane->depth; i++) {
    lane->transfers[i].iov = lane->iovs + (size_t)i * lane->iov_max;
    lane->transfers[i].next = lane->free;
    lane->free = &lane->transfers[i];
  }
  return core->io->ops->queue_open(core->io, lane->depth, &lane->queue);
}

void lane_destroy(struct rdisk_core *core, struct lane *lane)
{
  if (lane->queue)
    core->io->ops->queue_close(core->io, lane->queue);
  core_release(&core->env, lane->transfers, lane->depth * sizeof *lane->transfers);
  core_release(&core->env, lane->iovs, (size_t)lane->depth * lane->iov_max * sizeof *lane->iovs);
  core_release(&core->env, lane->batch, lane->depth * sizeof *lane->batch);
}

struct transfer *lane_get(struct lane *lane)
{
  struct transfer *transfer = lane->free;

  if (!transfer)
    return NULL;
  lane->free = transfer->next;
  memset(&transfer->iocb, 0, sizeof transfer->iocb);
  transfer->iocb.iov = transfer->iov;
  transfer->iocb.owner = transfer;
  transfer->bufs = NULL;
  transfer->node = NULL;
  return transfer;
}

static void transfer_put(struct lane *lane, struct transfer *transfer)
{
  transfer->next = lane->free;
  lane->free = transfer;
}

static void submit(struct rdisk_core *core, struct lane *lane, unsigned count)
{
  uint64_t bytes = 0;

  for (unsigned i = 0; i < count; i++)
    bytes += lane->batch[i]->length;
  COUNT(device_writes, count);
  COUNT(device_write_bytes, bytes);
  core->io->ops->submit(lane->queue, lane->batch, count);
}

void lane_run(struct rdisk_core *core, struct lane *lane, unsigned count, unsigned min)
{
  unsigned done;

  lane->busy += count;
  core_unlock(core);
  if (count)
    submit(core, lane, count);
  done = lane->busy ? core->io->ops->reap(lane->queue, lane->batch, lane->depth, min) : 0;
  core_lock(core);
  lane->busy -= done;
  core->releasing = true;
  for (unsigned i = 0; i < done; i++) {
    struct transfer *transfer = lane->batch[i]->owner;

    if (transfer->bufs)
      writeback_done(core, transfer);
    else if (transfer->iocb.result == RDISK_ENOSPC)
      lane->page_error = RDISK_ENOSPC;
    else if (transfer->iocb.result)
      core_fail(core, transfer->iocb.result, "write of a map page", transfer->iocb.offset);
    transfer_put(lane, transfer);
  }
  core->releasing = false;
  if (done > 0) {
    if (core->no_space)
      core_wake(core, RDISK_CHANNEL_SPACE);
    pool_wake(core);
    writeback_unblock(core);
  }
}
