/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-device-contract.c - what rdisk-io.h asks of the core, looked at with each
 * transfer. */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "rdisk.h"
#include "sim-device.h"

/* ---- the contract --------------------------------------------------------------- */

static void check_buffers(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  uint64_t sum = 0;

  sim_require(d->sim, iocb->iov_count >= 1 && iocb->iov_count <= RDISK_IOV_MAX, "contract",
              "a transfer with %u buffers", iocb->iov_count);
  for (unsigned i = 0; i < iocb->iov_count; i++) {
    sum += iocb->iov[i].length;
    sim_require(d->sim,
                iocb->op == RDISK_IO_READ ||
                    ((uintptr_t)iocb->iov[i].base % 4096 == 0 &&
                     iocb->iov[i].length % d->config.unit_bytes == 0),
                "contract", "a write's buffer at %p, %zu bytes, is not aligned",
                iocb->iov[i].base, iocb->iov[i].length);
  }
  sim_require(d->sim, sum == iocb->length, "contract",
              "buffers of %" PRIu64 " bytes for a transfer of %" PRIu64, sum, iocb->length);
}

static void check_range(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  uint64_t unit = iocb->op == RDISK_IO_READ ? 1 : d->config.unit_bytes;

  sim_require(d->sim,
              iocb->length != 0 && iocb->offset <= d->config.size_bytes &&
                  iocb->length <= d->config.size_bytes - iocb->offset,
              "contract", "transfer of %" PRIu64 " at %" PRIu64 " is beyond the device's %" PRIu64,
              iocb->length, iocb->offset, d->config.size_bytes);
  sim_require(d->sim, iocb->offset % unit == 0 && iocb->length % unit == 0, "contract",
              "transfer of %" PRIu64 " at %" PRIu64 " is not whole units (D9)", iocb->length,
              iocb->offset);
  sim_require(d->sim, !d->io.read_only || iocb->op == RDISK_IO_READ, "contract",
              "a change to a read-only device at %" PRIu64, iocb->offset);
  if (iocb->op == RDISK_IO_READ || iocb->op == RDISK_IO_WRITE)
    check_buffers(d, iocb);
}

/* D4: a place with a transfer under way is not written, nor read while it is. */
static void check_neighbours(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  bool changes = iocb->op == RDISK_IO_WRITE || iocb->op == RDISK_IO_DISCARD;

  for (unsigned i = 0; i < d->transfer_count; i++) {
    const struct rdisk_iocb *other = d->transfers[i].iocb;
    bool other_changes = other->op == RDISK_IO_WRITE || other->op == RDISK_IO_DISCARD;

    if (other->op == RDISK_IO_FLUSH || other->op == RDISK_IO_RESERVE ||
        !(changes || other_changes) ||
        !sim_overlap(iocb->offset, iocb->length, other->offset, other->length))
      continue;
    sim_violate(d->sim, "D4",
                "operation %d of %" PRIu64 " at %" PRIu64 " while operation %d of %" PRIu64
                " at %" PRIu64 " is under way",
                (int)iocb->op, iocb->length, iocb->offset, (int)other->op, other->length,
                other->offset);
  }
}

void sim_device_check(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  if (iocb->op == RDISK_IO_FLUSH) {
    sim_require(d->sim, !d->io.read_only, "contract", "a flush of a read-only device");
    return;
  }
  check_range(d, iocb);
  if (iocb->op != RDISK_IO_RESERVE)
    check_neighbours(d, iocb);
}

void sim_device_check_waiting(struct sim_device *d)
{
  sim_require(d->sim, d->lock_owner == NULL || *d->lock_owner != d->sim->current, "contract",
              "a transfer is waited for under the core's lock");
}
