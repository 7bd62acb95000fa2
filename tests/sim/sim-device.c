/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-device.c - struct rdisk_io over memory, with a volatile cache: see
 * sim-device.h.  A transfer begins (contract checked, a write's data taken) and
 * ends (it has its effect) at two moments, between which others may run and the
 * power may fail. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rdisk.h"
#include "sim-device.h"

struct rdisk_ioq {
  struct rdisk_ioq *next;
  struct sim_device *device;
  unsigned depth, under_way;
  const struct sim_coroutine *user; /* inside submit or reap */
};

static struct sim_device *device_of(struct rdisk_io *io)
{
  return (struct sim_device *)io;
}

/* ---- data ------------------------------------------------------------------ */

void sim_device_gather(const struct rdisk_iocb *iocb, unsigned char *bytes)
{
  for (unsigned i = 0; i < iocb->iov_count; i++) {
    memcpy(bytes, iocb->iov[i].base, iocb->iov[i].length);
    bytes += iocb->iov[i].length;
  }
}

void sim_device_garbage(struct sim_device *d, unsigned char *bytes, uint64_t length)
{
  uint64_t x = sim_random(d->sim), *words = (uint64_t *)bytes;

  if (x % 4 == 0) {
    memset(bytes, (int)(x >> 8), length);
    return;
  }
  for (uint64_t i = 0; i < length / 8; i++)
    words[i] = (x += UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
}

void sim_device_touch(struct sim_device *d, uint64_t offset, uint64_t length)
{
  uint64_t unit = offset / d->config.unit_bytes;
  uint64_t end = (offset + length - 1) / d->config.unit_bytes;

  for (; unit <= end; unit++) {
    d->touched[unit] = d->unsynced[unit] = true;
    d->written_at[unit] = d->sim->now;
  }
}

void sim_device_apply(struct sim_device *d, unsigned char *image, const struct sim_write *w)
{
  memcpy(image + w->offset, w->data, w->length);
  sim_device_touch(d, w->offset, w->length);
}

/* Current contents of a range from the durable ones and what is pending. */
static void rebuild(struct sim_device *d, uint64_t offset, uint64_t length)
{
  memcpy(d->current + offset, d->durable + offset, length);
  for (const struct sim_write *w = d->pending; w != NULL; w = w->next)
    if (w->done_at != 0 && sim_overlap(offset, length, w->offset, w->length)) {
      uint64_t from = w->offset > offset ? w->offset : offset;
      uint64_t w_end = w->offset + w->length, end = offset + length;
      uint64_t to = w_end < end ? w_end : end;

      memcpy(d->current + from, w->data + (from - w->offset), to - from);
    }
}

/* ---- pending writes ----------------------------------------------------------- */

static struct sim_write *pend(struct sim_device *d, struct rdisk_iocb *iocb)
{
  struct sim_write *w = malloc(sizeof *w + iocb->length);

  assert(w != NULL);
  *w = (struct sim_write){ .offset = iocb->offset, .length = iocb->length, .iocb = iocb };
  if (d->config.lies.misplaced && sim_one_in(d->sim, 16) &&
      w->offset + w->length + d->config.unit_bytes <= d->config.size_bytes)
    w->offset += d->config.unit_bytes;
  d->changes++;
  *d->pending_end = w;
  d->pending_end = &w->next;
  return w;
}

void sim_device_unlink(struct sim_device *d, struct sim_write *w)
{
  struct sim_write **at = &d->pending;

  d->changes++;
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  if (*at == NULL)
    d->pending_end = at;
  free(w);
}

static void take_discard(struct sim_device *d, struct sim_write *w)
{
  switch (sim_below(d->sim, 3)) {
  case 0:
    memset(w->data, 0, w->length);
    break;
  case 1:
    memcpy(w->data, d->current + w->offset, w->length);
    break;
  default:
    sim_device_garbage(d, w->data, w->length);
  }
}

static void complete_write(struct sim_device *d, struct sim_write *w)
{
  w->done_at = sim_tick(d->sim);
  w->iocb = NULL;
  sim_device_apply(d, d->current, w);
  memset(d->stale + w->offset / d->config.unit_bytes, 0, w->length / d->config.unit_bytes);
}

/* What was reported done too early is done now. */
static void complete_ghosts(struct sim_device *d)
{
  for (struct sim_write *w = d->pending; w != NULL; w = w->next)
    if (w->done_at == 0 && w->iocb == NULL && sim_one_in(d->sim, 8))
      complete_write(d, w);
}

/* ---- the two moments of a transfer -------------------------------------------------- */

static void event(struct sim_device *d)
{
  d->events++;
  if (d->config.lies.early)
    complete_ghosts(d);
  if (d->on_event != NULL)
    d->on_event(d->on_event_opaque);
  sim_device_event(d->sim);
}

static const char *const begin_format[] = {
  NULL,
  "    read    %" PRIu64 " + %" PRIu64,
  "    write   %" PRIu64 " + %" PRIu64,
  "    flush",
  "    discard %" PRIu64 " + %" PRIu64,
  "    reserve %" PRIu64 " + %" PRIu64,
};

static struct sim_transfer *begin(struct sim_device *d, struct rdisk_iocb *iocb,
                                  struct rdisk_ioq *queue)
{
  struct sim_transfer *t;

  event(d);
  sim_require(d->sim, iocb->op >= RDISK_IO_READ && iocb->op <= RDISK_IO_RESERVE, "contract",
              "unknown operation %d", (int)iocb->op);
  sim_device_check(d, iocb);
  sim_trace(d->sim, begin_format[iocb->op], iocb->offset, iocb->length, 0, 0);
  assert(d->transfer_count < SIM_TRANSFERS);
  t = &d->transfers[d->transfer_count++];
  *t = (struct sim_transfer){ .iocb = iocb, .queue = queue, .began = sim_tick(d->sim) };
  t->late = !d->config.lies.early && (sim_random(d->sim) & 1);
  if (iocb->op == RDISK_IO_WRITE || iocb->op == RDISK_IO_DISCARD) {
    t->write = pend(d, iocb);
    if (iocb->op == RDISK_IO_WRITE)
      sim_device_gather(iocb, t->write->data);
    else
      take_discard(d, t->write);
  }
  return t;
}

/* Bytes of a range as a read sees them: only an uncached one gets past the host. */
static void read_range(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  bool cached = !(iocb->flags & RDISK_IO_UNCACHED) || d->config.lies.uncached;
  uint64_t at = iocb->offset;

  for (unsigned i = 0; i < iocb->iov_count; i++) {
    unsigned char *to = iocb->iov[i].base;
    uint64_t left = iocb->iov[i].length;

    while (left != 0) {
      uint64_t unit = at / d->config.unit_bytes;
      uint64_t run = (unit + 1) * d->config.unit_bytes - at;
      const unsigned char *from = cached && d->stale[unit] ? d->stale_data : d->current;

      run = run < left ? run : left;
      memcpy(to, from + at, run);
      to += run;
      at += run;
      left -= run;
    }
  }
}

static int end_read(struct sim_device *d, struct sim_transfer *t)
{
  if (sim_one_in(d->sim, d->config.errors.read)) {
    d->read_errors++;
    memset(t->iocb->iov[0].base, 0xe1, t->iocb->iov[0].length);
    return RDISK_EIO;
  }
  read_range(d, t->iocb);
  return 0;
}

static bool take_space(struct sim_device *d, uint64_t offset, uint64_t length)
{
  uint64_t first = offset / d->config.unit_bytes, count = length / d->config.unit_bytes;
  uint64_t need = 0;

  for (uint64_t i = first; i < first + count; i++)
    need += !d->exists[i];
  if (need > d->config.space_units) {
    d->no_space++;
    return false;
  }
  if (d->config.space_units != UINT64_MAX)
    d->config.space_units -= need;
  memset(d->exists + first, 1, count);
  return true;
}

static void give_space(struct sim_device *d, uint64_t offset, uint64_t length)
{
  uint64_t first = offset / d->config.unit_bytes, count = length / d->config.unit_bytes;

  for (uint64_t i = first; i < first + count && d->config.space_units != UINT64_MAX; i++)
    d->config.space_units += d->exists[i];
  memset(d->exists + first, 0, count);
}

/* Some sectors arrived, some did not. */
static void tear(struct sim_device *d, struct sim_write *w)
{
  for (uint64_t at = 0; at < w->length; at += SIM_SECTOR)
    if (sim_random(d->sim) & 1)
      memcpy(w->data + at, d->current + w->offset + at, SIM_SECTOR);
}

static int end_write(struct sim_device *d, struct sim_transfer *t)
{
  struct sim_write *w = t->write;

  if (!take_space(d, w->offset, w->length)) {
    sim_device_unlink(d, w);
    return RDISK_ENOSPC;
  }
  if (t->late)
    sim_device_gather(t->iocb, w->data);
  if (!sim_one_in(d->sim, d->config.errors.write)) {
    complete_write(d, w);
    return 0;
  }
  tear(d, w);
  complete_write(d, w);
  d->unknown_errors++;
  return RDISK_EIO;
}

static int end_discard(struct sim_device *d, struct sim_transfer *t)
{
  bool fails = sim_one_in(d->sim, d->config.errors.discard);

  give_space(d, t->write->offset, t->write->length);
  complete_write(d, t->write);
  d->other_errors += fails;
  return fails ? RDISK_EIO : 0;
}

static int end_reserve(struct sim_device *d, struct sim_transfer *t)
{
  if (sim_one_in(d->sim, d->config.errors.reserve)) {
    d->other_errors++;
    return RDISK_EIO;
  }
  return take_space(d, t->iocb->offset, t->iocb->length) ? 0 : RDISK_ENOSPC;
}

/* The host's cache goes on showing what the device never got. */
static void drop(struct sim_device *d, struct sim_write *w)
{
  uint64_t offset = w->offset, length = w->length;

  for (uint64_t at = offset; at < offset + length; at += d->config.unit_bytes) {
    uint64_t unit = at / d->config.unit_bytes;

    if (!d->stale[unit])
      memcpy(d->stale_data + at, d->current + at, d->config.unit_bytes);
    d->stale[unit] = true;
  }
  sim_device_unlink(d, w);
  rebuild(d, offset, length);
}

static int fail_flush(struct sim_device *d, uint64_t began)
{
  uint64_t drops_in_256 = sim_below(d->sim, 3) * 128;
  struct sim_write *next;

  d->unknown_errors++;
  for (struct sim_write *w = d->pending; w != NULL; w = next) {
    next = w->next;
    if (w->done_at != 0 && w->done_at < began && sim_below(d->sim, 256) < drops_in_256)
      drop(d, w);
  }
  return RDISK_EIO;
}

static int end_flush(struct sim_device *d, struct sim_transfer *t)
{
  struct sim_write *next;

  if (sim_one_in(d->sim, d->config.errors.flush))
    return fail_flush(d, t->began);
  if (d->config.lies.flush)
    return 0;
  for (struct sim_write *w = d->pending; w != NULL; w = next) {
    next = w->next;
    if (w->done_at == 0 || w->done_at > t->began)
      continue;
    if (d->config.lies.drop && sim_one_in(d->sim, 8))
      continue;
    sim_device_apply(d, d->durable, w);
    sim_device_unlink(d, w);
  }
  return 0;
}

static void forget_transfer(struct sim_device *d, struct sim_transfer *t)
{
  if (t->queue != NULL)
    t->queue->under_way--;
  *t = d->transfers[--d->transfer_count];
}

static int end(struct sim_device *d, struct sim_transfer *t)
{
  struct rdisk_iocb *iocb = t->iocb;
  int result;

  switch (iocb->op) {
  case RDISK_IO_READ:
    result = end_read(d, t);
    break;
  case RDISK_IO_WRITE:
    result = end_write(d, t);
    break;
  case RDISK_IO_FLUSH:
    result = end_flush(d, t);
    break;
  case RDISK_IO_DISCARD:
    result = end_discard(d, t);
    break;
  default:
    result = end_reserve(d, t);
  }
  if (result != 0)
    sim_trace(d->sim, "    operation %" PRIu64 " at %" PRIu64 " fails: %" PRId64, iocb->op,
              iocb->offset, (uint64_t)(int64_t)result, 0);
  iocb->result = result;
  forget_transfer(d, t);
  return result;
}

static struct sim_transfer *transfer_of(struct sim_device *d, const struct rdisk_iocb *iocb)
{
  struct sim_transfer *t = d->transfers;

  while (t->iocb != iocb)
    t++;
  return t;
}

/* A write that is reported done now and done at some later time. */
static bool ends_early(struct sim_device *d, struct sim_transfer *t)
{
  if (!d->config.lies.early || t->iocb->op != RDISK_IO_WRITE || !sim_one_in(d->sim, 4))
    return false;
  t->write->iocb = NULL;
  t->iocb->result = 0;
  forget_transfer(d, t);
  return true;
}

/* ---- struct rdisk_io_ops -------------------------------------------------------------- */

static int device_run(struct rdisk_io *io, struct rdisk_iocb *iocb)
{
  struct sim_device *d = device_of(io);

  sim_device_check_waiting(d);
  if (ends_early(d, begin(d, iocb, NULL)))
    return 0;
  do
    sim_switch_point(d->sim);
  while (sim_one_in(d->sim, 2));
  event(d);
  return end(d, transfer_of(d, iocb));
}

static int device_queue_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **queue)
{
  struct rdisk_ioq *q = malloc(sizeof *q);

  assert(q != NULL);
  *q = (struct rdisk_ioq){ .device = device_of(io), .depth = depth };
  q->next = q->device->queues;
  q->device->queues = *queue = q;
  return 0;
}

static void forget_queue(struct sim_device *d, struct rdisk_ioq *queue)
{
  struct rdisk_ioq **at = &d->queues;

  while (*at != queue)
    at = &(*at)->next;
  *at = queue->next;
  free(queue);
}

static void device_queue_close(struct rdisk_io *io, struct rdisk_ioq *queue)
{
  struct sim_device *d = device_of(io);

  sim_require(d->sim, queue->under_way == 0, "contract",
              "a queue is closed with %u transfers under way", queue->under_way);
  forget_queue(d, queue);
}

static void enter_queue(struct rdisk_ioq *q)
{
  sim_require(q->device->sim, q->user == NULL, "contract", "two threads use one queue");
  q->user = q->device->sim->current;
}

static void device_submit(struct rdisk_ioq *q, struct rdisk_iocb **iocbs, unsigned count)
{
  enter_queue(q);
  for (unsigned i = 0; i < count; i++) {
    sim_require(q->device->sim, ++q->under_way <= q->depth, "contract",
                "more than %u transfers in a queue", q->depth);
    begin(q->device, iocbs[i], q);
  }
  q->user = NULL;
}

/* One transfer of the queue, at random; NULL: none. */
static struct sim_transfer *any_transfer(struct rdisk_ioq *q)
{
  struct sim_device *d = q->device;
  unsigned start, i;

  if (q->under_way == 0)
    return NULL;
  start = (unsigned)sim_below(d->sim, d->transfer_count);
  for (i = start; d->transfers[i].queue != q;)
    i = (i + 1) % d->transfer_count;
  return &d->transfers[i];
}

static unsigned device_reap(struct rdisk_ioq *q, struct rdisk_iocb **done, unsigned max,
                            unsigned min)
{
  struct sim *sim = q->device->sim;
  unsigned count = 0;

  enter_queue(q);
  sim_require(sim, min <= q->under_way && min <= max, "contract",
              "a wait for %u of %u transfers", min, q->under_way);
  if (min != 0)
    sim_device_check_waiting(q->device);
  while (count < max && q->under_way != 0 && (count < min || sim_one_in(sim, 2))) {
    struct sim_transfer *t;

    if (count < min)
      sim_switch_point(sim);
    event(q->device);
    t = any_transfer(q);
    done[count++] = t->iocb;
    end(q->device, t);
  }
  q->user = NULL;
  return count;
}

static void device_buffers(struct rdisk_io *io, void *base, size_t length_bytes)
{
  struct sim_device *d = device_of(io);

  sim_require(d->sim, (uintptr_t)base % 4096 == 0 && length_bytes != 0, "contract",
              "buffers of %zu bytes at %p are registered", length_bytes, base);
}

static const struct rdisk_io_ops device_ops = {
  .name = "simulated",
  .run = device_run,
  .queue_open = device_queue_open,
  .queue_close = device_queue_close,
  .submit = device_submit,
  .reap = device_reap,
  .buffers = device_buffers,
};

/* ---- making and ending ------------------------------------------------------------------ */

void sim_device_init(struct sim_device *d, struct sim *sim,
                     const struct sim_device_config *config)
{
  *d = (struct sim_device){ .sim = sim, .config = *config };
  d->io = (struct rdisk_io){ .ops = &device_ops,
                             .size_bytes = config->size_bytes,
                             .unit_bytes = config->unit_bytes,
                             .discards = config->discards,
                             .reserves = config->reserves };
  d->units = config->size_bytes / config->unit_bytes;
  assert(d->units * config->unit_bytes == config->size_bytes);
  d->durable = calloc(1, config->size_bytes);
  d->current = calloc(1, config->size_bytes);
  d->stale_data = malloc(config->size_bytes);
  d->stale = calloc(d->units, sizeof *d->stale);
  d->exists = calloc(d->units, sizeof *d->exists);
  d->touched = calloc(d->units, sizeof *d->touched);
  d->unsynced = malloc(d->units * sizeof *d->unsynced);
  d->written_at = calloc(d->units, sizeof *d->written_at);
  assert(d->durable && d->current && d->stale_data && d->stale && d->exists && d->touched &&
         d->unsynced && d->written_at);
  memset(d->unsynced, true, d->units * sizeof *d->unsynced);
  for (uint64_t at = 0; at < config->size_bytes && config->size_bytes <= SIM_SMALL;
       at += config->unit_bytes) { /* a used device */
    sim_device_garbage(d, d->durable + at, config->unit_bytes);
    memcpy(d->current + at, d->durable + at, config->unit_bytes);
  }
  d->pending_end = &d->pending;
}

void sim_device_free(struct sim_device *d)
{
  sim_device_forgive(d);
  while (d->pending != NULL)
    sim_device_unlink(d, d->pending);
  free(d->durable);
  free(d->current);
  free(d->stale_data);
  free(d->stale);
  free(d->exists);
  free(d->touched);
  free(d->unsynced);
  free(d->written_at);
}

void sim_device_forgive(struct sim_device *d)
{
  while (d->queues != NULL)
    forget_queue(d, d->queues);
  d->transfer_count = 0;
  d->unknown_errors = d->read_errors = d->other_errors = d->no_space = 0;
}
