/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing buffers to their places: sorted by place, neighbours merged into one
 * transfer, many at once.
 *
 * D4 is kept here, at the moment a transfer is put together: a buffer may not
 * be written while
 *   - an older write of the same unit is under way (it could land later),
 *   - a read that began before the buffer was accepted may still look at the
 *     place (later reads find the buffer instead),
 *   - the place is being given back to the device.
 */
#include "core.h"

static bool read_pending(const struct rdisk_core *core, const struct buf *buf)
{
  for (const struct reader *r = core->readers; r; r = r->next)
    if (buf->unit >= r->first && buf->unit <= r->last && r->stamp < buf->stamp)
      return true;
  return false;
}

/* Logged data comes home over the version before it.  While nothing vouches for
 * its record, damage there would leave neither (D5). */
static bool too_early(const struct rdisk_core *core, const struct buf *buf)
{
  return buf->state == BUF_LOGGED && buf->interval == core->checkpoint && !core->vouched &&
         !core->rooting;
}

static bool writable(struct rdisk_core *core, const struct buf *buf)
{
  return !too_early(core, buf) && !read_pending(core, buf) &&
         !pool_unit_in_flight(core, buf->unit) &&
         buf->unit - core->discarding_first >= core->discarding_count;
}

/* ---- sorting ------------------------------------------------------------------- */

static struct buf *merge(struct buf *a, struct buf *b)
{
  struct buf *head = NULL, **end = &head;

  while (a && b) {
    struct buf **least = a->place <= b->place ? &a : &b;

    *end = *least;
    end = &(*least)->chain;
    *least = (*least)->chain;
  }
  *end = a ? a : b;
  return head;
}

/* Merge sort, bottom up: part[i] holds a sorted chain of 2^i buffers. */
static struct buf *sort(struct buf *chain)
{
  struct buf *part[12] = { NULL }, *sorted = NULL;

  while (chain) {
    struct buf *one = chain;
    unsigned i = 0;

    chain = chain->chain;
    one->chain = NULL;
    for (; i < 11 && part[i]; part[i++] = NULL)
      one = merge(part[i], one);
    part[i] = i == 11 && part[i] ? merge(part[i], one) : one;
  }
  for (unsigned i = 0; i < 12; i++)
    if (part[i])
      sorted = sorted ? merge(part[i], sorted) : part[i];
  return sorted;
}

/* ---- putting transfers together --------------------------------------------------- */

/* The oldest ones that may be written, up to *WANTED; leaves there how many fewer. */
static struct buf *collect(struct rdisk_core *core, struct buf_list *list, unsigned *wanted)
{
  struct buf *chain = NULL;

  for (struct buf *buf = list->first; buf && *wanted > 0; buf = buf->next) {
    if (buf->in_flight)
      continue;
    if (!writable(core, buf)) {
      core->blocked = true;
      continue;
    }
    buf->chain = chain;
    chain = buf;
    --*wanted;
  }
  return chain;
}

static void add(struct rdisk_core *core, struct transfer *transfer, struct buf *buf)
{
  struct rdisk_iocb *iocb = &transfer->iocb;
  struct rdisk_iovec *last = transfer->iov + iocb->iov_count - 1;
  uint32_t bytes = core->sb.unit_bytes;

  if (iocb->iov_count > 0 && (unsigned char *)last->base + last->length == buf->data) {
    last->length += bytes;
  } else {
    transfer->iov[iocb->iov_count].base = buf->data;
    transfer->iov[iocb->iov_count++].length = bytes;
  }
  iocb->length += bytes;
}

/* Take from the head of a sorted chain what fits one transfer. */
static struct buf *fill(struct rdisk_core *core, struct lane *lane, struct transfer *transfer,
                        struct buf *chain)
{
  uint64_t next = chain->place;
  struct buf **end = &transfer->bufs;

  transfer->iocb.op = RDISK_IO_WRITE;
  transfer->iocb.offset = chain->place;
  while (chain && chain->place == next && transfer->iocb.iov_count < lane->iov_max &&
         transfer->iocb.length < (1u << 20)) {
    add(core, transfer, chain);
    chain->in_flight = true;
    if (chain->state == BUF_DIRTY)
      buf_move(chain, &buf_interval(core, chain)->others);
    *end = chain;
    end = &chain->chain;
    chain = chain->chain;
    next += core->sb.unit_bytes;
  }
  *end = NULL;
  return chain;
}

/* Put up to WANTED buffers into transfers; true: there may be more to come. */
static bool prepare(struct rdisk_core *core, struct lane *lane, struct buf_list *list,
                    unsigned wanted, unsigned *count)
{
  struct buf *chain = sort(collect(core, list, &wanted));
  bool any = chain != NULL;

  while (chain && lane->free) {
    struct transfer *transfer = lane_get(lane);

    chain = fill(core, lane, transfer, chain);
    lane->batch[(*count)++] = &transfer->iocb;
    core->stats.data_bytes += transfer->iocb.length;
  }
  return any && wanted == 0;
}

/* The lane is kept full: neighbours that merge leave transfers for more. */
bool writeback_round(struct rdisk_core *core, struct lane *lane, struct buf_list *list)
{
  unsigned count = 0;

  while (lane->free && prepare(core, lane, list, 2 * lane->depth, &count))
    ;
  if (count == 0 && lane->busy == 0)
    return false;
  lane_run(core, lane, count, (lane->busy + count) / 4 + 1);
  return true;
}

/* ---- when it is done ------------------------------------------------------------------ */

static void landed(struct rdisk_core *core, struct buf *buf)
{
  struct interval *interval;

  core->no_space = false;
  core->landings++;
  if (buf->state == BUF_LOGGED) {
    buf_drop(core, buf);
    return;
  }
  interval = buf_interval(core, buf);
  interval->unwritten--;
  buf->state = BUF_WRITTEN;
  if (!interval->retain)
    buf_drop(core, buf);
}

static void refused(struct rdisk_core *core, struct buf *buf)
{
  core->no_space = true;
  if (buf->state == BUF_DIRTY)
    buf_move(buf, &buf_interval(core, buf)->dirty);
}

static struct buf *reverse(struct buf *chain)
{
  struct buf *reversed = NULL;

  while (chain) {
    struct buf *next = chain->chain;

    chain->chain = reversed;
    reversed = chain;
    chain = next;
  }
  return reversed;
}

void writeback_done(struct rdisk_core *core, struct transfer *transfer)
{
  int code = transfer->iocb.result;
  struct buf *next;

  for (struct buf *buf = reverse(transfer->bufs); buf; buf = next) {
    next = buf->chain;
    buf->in_flight = false;
    if (buf->dead)
      buf_drop(core, buf);
    else if (code == RDISK_ENOSPC)
      refused(core, buf);
    else if (!code)
      landed(core, buf);
  }
  if (code && code != RDISK_ENOSPC)
    core_fail(core, code, "write of data", transfer->iocb.offset);
}

void writeback_unblock(struct rdisk_core *core)
{
  core_wake(core, RDISK_CHANNEL_IO);
  if (core->blocked) {
    core->blocked = false;
    core_kick(core);
  }
}

int writeback_interval(struct rdisk_core *core, struct interval *interval)
{
  bool retried = false;

  while (interval->unwritten > 0 && !core->failed) {
    if (core->no_space && core->commit.busy == 0) {
      if (retried)
        return RDISK_ENOSPC;
      retried = true;
      core->no_space = false;
    }
    if (!writeback_round(core, &core->commit, &interval->dirty))
      core_wait(core, RDISK_CHANNEL_IO);
  }
  while (core->commit.busy > 0)
    lane_run(core, &core->commit, 0, core->commit.busy);
  return core->failed;
}
