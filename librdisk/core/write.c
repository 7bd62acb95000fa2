/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing, zeroing, trimming: how a request gets into the open interval.
 *
 * Each call first has what can fail behind it (the map's leaves in memory,
 * buffers taken and filled, partial units read), then changes the interval's
 * state under one hold of the lock: that is its acceptance (D3).
 *
 * A request of more than chunk_units cannot have all its buffers at once.  It
 * is accepted when it begins: `in_progress` keeps the interval from being sealed
 * until it ends, and if it fails half-way the interval is never committed (D8).
 */
#include "core.h"

#include "checksum.h"

/* ---- accepting -------------------------------------------------------------- */

static void stamp(struct rdisk_core *core, uint64_t unit)
{
  core->unit_stamp[unit % STAMP_SLOTS] = ++core->stamp;
}

static uint64_t interval_bufs(const struct interval *interval)
{
  return interval->dirty.count + interval->held.count + interval->others.count;
}

static void accept(struct rdisk_core *core, struct buf *buf)
{
  struct interval *open = core->open;
  bool held = ab_sealed(core, buf->unit);

  stamp(core, buf->unit);
  pool_supersede(core, buf->unit);
  buf->interval = open->number;
  buf->stamp = core->stamp;
  buf->state = held ? BUF_HELD : BUF_DIRTY;
  buf->place = held ? PLACE_NONE : ab_write(core, buf->unit);
  open->unwritten++;
  buf_enter(core, buf, held ? &open->held : &open->dirty);
  if (open->retain && interval_bufs(open) > core->retain_units)
    interval_unretain(core, open);
  if (write_behind_due(core))
    core_kick(core);
}

/* ---- filling a buffer ----------------------------------------------------------- */

struct request {
  struct rdisk_core *core;
  const unsigned char *from; /* NULL: zeroes */
  size_t count;
  uint64_t offset;
};

/* The part of a unit that the request covers: bytes from *at on. */
static size_t part_of(const struct request *q, uint64_t unit, size_t *at)
{
  uint64_t begin = unit * q->core->sb.unit_bytes, end = begin + q->core->sb.unit_bytes;
  uint64_t first = q->offset > begin ? q->offset : begin;
  uint64_t last = q->offset + q->count < end ? q->offset + q->count : end;

  *at = (size_t)(first - begin);
  return (size_t)(last - first);
}

/* How much of a unit the disk has: the last one may reach past its end. */
static size_t unit_size(const struct rdisk_core *core, uint64_t unit)
{
  uint64_t left = core->sb.size_bytes - unit * core->sb.unit_bytes;

  return left < core->sb.unit_bytes ? (size_t)left : core->sb.unit_bytes;
}

static bool partial(const struct request *q, uint64_t unit)
{
  size_t at;

  return part_of(q, unit, &at) < unit_size(q->core, unit);
}

static void copy_in(const struct request *q, struct buf *buf)
{
  size_t at, bytes = part_of(q, buf->unit, &at), size = unit_size(q->core, buf->unit);

  if (q->from)
    memcpy(buf->data + at, q->from + (buf->unit * q->core->sb.unit_bytes + at - q->offset), bytes);
  else
    memset(buf->data + at, 0, bytes);
  if (size < q->core->sb.unit_bytes)
    memset(buf->data + size, 0, q->core->sb.unit_bytes - size);
}

/* Fill what the request leaves of a unit with its newest contents.  Drops the
 * lock to read; *stamp tells afterwards whether the unit has changed since. */
static int fill_base(struct rdisk_core *core, struct buf *buf, uint64_t *seen)
{
  struct buf *newest = pool_newest(core, buf->unit);
  struct reader reader = { core->readers, buf->unit, buf->unit, core->stamp };
  uint64_t place;
  int code;

  *seen = core->unit_stamp[buf->unit % STAMP_SLOTS];
  if (newest) {
    memcpy(buf->data, newest->data, core->sb.unit_bytes);
    return 0;
  }
  if (!ab_locate(core, buf->unit, &place)) {
    memset(buf->data, 0, core->sb.unit_bytes);
    return 0;
  }
  core->readers = &reader;
  core_unlock(core);
  code = device_read(core, buf->data, core->sb.unit_bytes, place, 0);
  core_lock(core);
  for (struct reader **at = &core->readers;; at = &(*at)->next)
    if (*at == &reader) {
      *at = reader.next;
      break;
    }
  writeback_unblock(core);
  if (code)
    core_error(&core->env, code, "write: read of the rest of a block at offset %u of the store "
                                 "failed", place);
  return code;
}

/* Bases of the chunk's partial units (its first and last at most): again and
 * again until neither has changed while the other was read. */
static int fill_partials(const struct request *q, struct buf *chain)
{
  struct rdisk_core *core = q->core;
  bool again = true;

  while (again) {
    struct buf *done[2];
    uint64_t seen[2];
    unsigned n = 0;

    for (struct buf *buf = chain; buf; buf = buf->chain)
      if (partial(q, buf->unit)) {
        int code = fill_base(core, buf, &seen[n]);

        if (code)
          return code;
        done[n++] = buf;
      }
    again = false;
    for (unsigned i = 0; i < n; i++)
      again = again || core->unit_stamp[done[i]->unit % STAMP_SLOTS] != seen[i];
    for (unsigned i = 0; i < n && !again; i++) {
      copy_in(q, done[i]);
      if (core->open->retain)
        done[i]->sum = checksum(done[i]->data, core->sb.unit_bytes, 0);
    }
  }
  return 0;
}

/* ---- a chunk ------------------------------------------------------------------- */

/* Without the lock: copying is most of the work. */
static void fill_whole(const struct request *q, struct buf *chain, bool sums)
{
  for (struct buf *buf = chain; buf; buf = buf->chain) {
    if (partial(q, buf->unit))
      continue;
    copy_in(q, buf);
    if (sums)
      buf->sum = checksum(buf->data, q->core->sb.unit_bytes, 0);
  }
}

static void number_units(struct buf *chain, uint64_t first)
{
  for (; chain; chain = chain->chain)
    chain->unit = first++;
}

/* Sums were left out for an interval that had given up on them; if it has been
 * sealed meanwhile, the new one may want them. */
static void add_sums(struct rdisk_core *core, struct buf *chain)
{
  for (; chain; chain = chain->chain)
    chain->sum = checksum(chain->data, core->sb.unit_bytes, 0);
}

static int write_chunk(const struct request *q, uint64_t first, uint64_t count)
{
  struct rdisk_core *core = q->core;
  struct buf *chain;
  bool sums;
  int code = pool_take(core, count, &chain);

  if (code)
    return code;
  sums = core->open->retain;
  number_units(chain, first);
  core_unlock(core);
  fill_whole(q, chain, sums);
  core_lock(core);
  code = fill_partials(q, chain);
  if (!code)
    code = core_writable(core, "write");
  if (code) {
    pool_give(core, chain);
    return code;
  }
  if (core->open->retain && !sums)
    add_sums(core, chain);
  while (chain) {
    struct buf *next = chain->chain;

    accept(core, chain);
    chain = next;
  }
  return 0;
}

/* ---- whole requests -------------------------------------------------------------- */

/* How many units from UNIT on will go to consecutive places, the first of them
 * at *PLACE. */
static uint64_t place_run(struct rdisk_core *core, uint64_t unit, uint64_t last, uint64_t *place)
{
  uint64_t count = 1;

  *place = ab_next_place(core, unit);
  while (unit + count <= last &&
         ab_next_place(core, unit + count) == *place + count * core->sb.unit_bytes)
    count++;
  return count;
}

/* Room on the host for a large request, before any of it is accepted. */
static int reserve(struct rdisk_core *core, uint64_t first, uint64_t last)
{
  int code = 0;

  if (!core->io->reserves || (core->sb.flags & SB_KEEP_SPACE))
    return 0;
  for (uint64_t unit = first, count; unit <= last && !code; unit += count) {
    uint64_t place;

    count = place_run(core, unit, last, &place);
    core_unlock(core);
    code = device_simple(core, RDISK_IO_RESERVE, place, count * core->sb.unit_bytes);
    core_lock(core);
  }
  if (code == RDISK_ENOSPC)
    return core_error(&core->env, code,
                      "write of %u units: the device that holds the store is full; make room "
                      "there and try again", last - first + 1);
  return code ? core_error(&core->env, code, "write: cannot reserve room in the store") : 0;
}

static int write_large(const struct request *q, uint64_t first, uint64_t last)
{
  struct rdisk_core *core = q->core;
  struct interval *interval;
  int code;

  while (core->seal_waits)
    core_wait(core, RDISK_CHANNEL_COMMIT);
  code = core_writable(core, "write");
  if (code)
    return code;
  interval = core->open;
  interval->in_progress++;
  code = reserve(core, first, last);
  for (uint64_t unit = first; unit <= last && !code;) {
    uint64_t count = last - unit + 1 < core->chunk_units ? last - unit + 1 : core->chunk_units;

    code = write_chunk(q, unit, count);
    if (code && unit > first && !core->failed)
      core_fail(core, code, "a large write", q->offset); /* half of it is in the interval */
    unit += count;
  }
  CORE_INVARIANT(interval == core->open);
  if (--interval->in_progress == 0)
    core_wake(core, RDISK_CHANNEL_COMMIT);
  return code;
}

static int write_locked(const struct request *q, uint64_t first, uint64_t last)
{
  struct rdisk_core *core = q->core;
  int code = core_writable(core, "write");

  if (!code)
    code = map_load(core, first, last, MAP_WRITE);
  if (code)
    return code;
  core->stats.writes++;
  core->stats.write_bytes += q->count;
  if (last - first < core->chunk_units)
    return write_chunk(q, first, last - first + 1);
  return write_large(q, first, last);
}

int rdisk_core_write(struct rdisk_core *core, const void *buffer, size_t count, uint64_t offset)
{
  struct request q = { core, buffer, count, offset };
  int code = core_range(core, "write", count, offset);

  if (code || count == 0)
    return code;
  core_lock(core);
  code = write_locked(&q, offset / core->sb.unit_bytes,
                      (offset + count - 1) / core->sb.unit_bytes);
  core_unlock(core);
  return code;
}

/* ---- zero and trim ------------------------------------------------------------------ */

/* Zero COUNT units from FIRST on, and the parts of units before and behind them
 * that PARTS holds ready, as one acceptance. */
static void accept_zero(struct rdisk_core *core, uint64_t first, uint64_t count,
                        struct buf *parts, bool keep_space)
{
  while (parts) {
    struct buf *next = parts->chain;

    accept(core, parts);
    parts = next;
  }
  if (count == 0)
    return;
  pool_supersede_range(core, first, count);
  ab_zero(core, first, count, keep_space);
  core->stamp++;
  for (unsigned i = 0; i < STAMP_SLOTS; i++)
    core->unit_stamp[i] = core->stamp;
}

static unsigned list_parts(const struct request *q, uint64_t units[2])
{
  uint64_t first = q->offset / q->core->sb.unit_bytes;
  uint64_t last = (q->offset + q->count - 1) / q->core->sb.unit_bytes;
  unsigned n = 0;

  if (partial(q, first))
    units[n++] = first;
  if (last != first && partial(q, last))
    units[n++] = last;
  return n;
}

static int zero_locked(const struct request *q, uint64_t first, uint64_t count,
                       bool keep_space)
{
  struct rdisk_core *core = q->core;
  struct buf *parts = NULL;
  uint64_t units[2];
  unsigned n = list_parts(q, units);
  int code = core_writable(core, "zero");

  if (!code && count)
    code = map_load(core, first, first + count - 1, MAP_ZERO);
  for (unsigned i = 0; i < n && !code; i++)
    code = map_load(core, units[i], units[i], MAP_WRITE);
  if (!code && n)
    code = pool_take(core, n, &parts);
  if (code)
    return code;
  for (struct buf *part = parts; part; part = part->chain)
    part->unit = units[--n];
  for (;;) { /* until neither the sealed interval nor another writer is in the way */
    code = fill_partials(q, parts);
    if (!code)
      code = core_writable(core, "zero");
    if (code || count == 0 || !ab_sealed_range(core, first, count))
      break;
    if (core->committing)
      core_wait(core, RDISK_CHANNEL_COMMIT);
    else if ((code = commit_one(core))) /* left over for want of room */
      break;
  }
  if (code)
    pool_give(core, parts);
  else
    accept_zero(core, first, count, parts, keep_space);
  return code;
}

static void account_zero(struct rdisk_core *core, uint64_t count)
{
  core->stats.zeroes++;
  core->stats.zero_bytes += count;
}

/* The units that lie wholly in a range. */
static void whole_units(const struct rdisk_core *core, uint64_t count, uint64_t offset,
                        uint64_t *first, uint64_t *units)
{
  uint64_t unit_bytes = core->sb.unit_bytes, end = offset + count;

  *first = format_divide_up(offset, unit_bytes);
  if (end == core->sb.size_bytes)
    end = core->units * unit_bytes; /* the last unit may reach past the end */
  *units = end / unit_bytes > *first ? end / unit_bytes - *first : 0;
}

int rdisk_core_zero(struct rdisk_core *core, uint64_t count, uint64_t offset, uint32_t flags)
{
  struct request q = { core, NULL, count, offset };
  uint64_t first, units;
  int code = core_range(core, "zero", count, offset);

  if (code || count == 0)
    return code;
  whole_units(core, count, offset, &first, &units);
  core_lock(core);
  account_zero(core, count);
  code = zero_locked(&q, first, units, flags & RDISK_NO_HOLE);
  core_unlock(core);
  return code;
}

int rdisk_core_trim(struct rdisk_core *core, uint64_t count, uint64_t offset)
{
  struct request q = { .core = core };
  uint64_t first, units;
  int code = core_range(core, "trim", count, offset);

  if (code)
    return code;
  whole_units(core, count, offset, &first, &units);
  if (units == 0)
    return 0;
  q.offset = first * core->sb.unit_bytes;
  q.count = units * core->sb.unit_bytes;
  core_lock(core);
  account_zero(core, count);
  code = zero_locked(&q, first, units, false);
  core_unlock(core);
  return code;
}
