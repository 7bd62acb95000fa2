/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading: the newest version of each unit is a buffer, a place, or zero.
 *
 * A round looks up as many pieces as fit the table with the lock held, pins
 * them (buffers by a reference, places by a reader that writeback respects,
 * D4), fetches them without the lock and lets go.
 */
#include "core.h"

enum { PIECES = 32 };

struct piece {
  struct buf *buf;  /* NULL: see place */
  uint64_t place;   /* PLACE_NONE: zero; else byte offset in the store */
  unsigned char *to;
  size_t bytes;
  size_t skip; /* bytes to leave out at the front of buf */
};

struct round {
  struct rdisk_core *core;
  struct reader reader;
  struct piece pieces[PIECES];
  unsigned count;
  bool places; /* some piece is a place */
};

static bool extends(const struct piece *last, const struct piece *next)
{
  if (last->buf || next->buf)
    return false;
  if (last->place == PLACE_NONE || next->place == PLACE_NONE)
    return last->place == next->place;
  return last->place + last->bytes == next->place;
}

static bool round_add(struct round *r, struct piece piece)
{
  if (r->count > 0 && extends(&r->pieces[r->count - 1], &piece)) {
    r->pieces[r->count - 1].bytes += piece.bytes;
    return true;
  }
  if (r->count == PIECES)
    return false;
  if (piece.buf)
    piece.buf->refs++;
  else if (piece.place != PLACE_NONE)
    r->places = true;
  r->pieces[r->count++] = piece;
  return true;
}

/* What the map has from UNIT on, as far as no buffer is newer; at least a unit. */
static uint64_t run_of(struct rdisk_core *core, uint64_t unit, uint64_t limit, struct piece *piece)
{
  uint64_t length, i = 0;

  piece->place = PLACE_NONE;
  piece->buf = pool_newest(core, unit);
  if (piece->buf)
    return 1;
  length = ab_locate_run(core, unit, limit, &piece->place);
  if (core->free_count == core->buf_count && core->logged.count == 0)
    return length; /* no buffers at all */
  while (++i < length && !pool_newest(core, unit + i))
    ;
  return i;
}

/* Look up from OFFSET on; returns how many bytes the round covers. */
static size_t round_fill(struct round *r, unsigned char *to, size_t count, uint64_t offset)
{
  struct rdisk_core *core = r->core;
  uint64_t unit_bytes = core->sb.unit_bytes, end = format_divide_up(offset + count, unit_bytes);
  size_t done = 0;

  while (done < count) {
    uint64_t unit = (offset + done) / unit_bytes, bytes;
    size_t skip = (size_t)((offset + done) % unit_bytes);
    struct piece piece = { .to = to + done, .skip = skip };

    bytes = run_of(core, unit, end, &piece) * unit_bytes - skip;
    piece.bytes = bytes < count - done ? (size_t)bytes : count - done;
    if (piece.place != PLACE_NONE)
      piece.place += skip;
    if (!round_add(r, piece))
      break;
    done += piece.bytes;
  }
  return done;
}

static void pin(struct round *r, uint64_t offset, size_t bytes)
{
  struct rdisk_core *core = r->core;

  r->reader.first = offset / core->sb.unit_bytes;
  r->reader.last = (offset + bytes - 1) / core->sb.unit_bytes;
  r->reader.stamp = core->stamp;
  r->reader.next = core->readers;
  core->readers = &r->reader;
}

static void unpin(struct round *r)
{
  struct reader **at = &r->core->readers;

  while (*at != &r->reader)
    at = &(*at)->next;
  *at = r->reader.next;
  writeback_unblock(r->core); /* a write may have waited for this read */
}

static int fetch(struct rdisk_core *core, const struct piece *piece)
{
  int code = 0;

  if (piece->buf)
    memcpy(piece->to, piece->buf->data + piece->skip, piece->bytes);
  else if (piece->place == PLACE_NONE)
    memset(piece->to, 0, piece->bytes);
  else
    code = device_read(core, piece->to, piece->bytes, piece->place, 0);
  if (code)
    core_error(&core->env, code, "read of %u bytes at offset %u of the store failed",
               (uint64_t)piece->bytes, piece->place);
  return code;
}

static int round_run(struct round *r, uint64_t offset, size_t bytes)
{
  int code = 0;

  if (r->places)
    pin(r, offset, bytes);
  core_unlock(r->core);
  for (unsigned i = 0; i < r->count && !code; i++)
    code = fetch(r->core, &r->pieces[i]);
  core_lock(r->core);
  for (unsigned i = 0; i < r->count; i++)
    if (r->pieces[i].buf)
      buf_unref(r->core, r->pieces[i].buf);
  if (r->places)
    unpin(r);
  return code;
}

static int read_locked(struct rdisk_core *core, unsigned char *to, size_t count,
                       uint64_t offset)
{
  int code = 0;

  while (count > 0 && !code) {
    struct round round; /* its table is not worth clearing */
    size_t bytes;

    round.core = core;
    round.count = 0;
    round.places = false;
    bytes = round_fill(&round, to, count, offset);
    code = round_run(&round, offset, bytes);
    to += bytes;
    count -= bytes;
    offset += bytes;
  }
  return code;
}

int rdisk_core_read(struct rdisk_core *core, void *buffer, size_t count, uint64_t offset)
{
  int code = core_range(core, "read", count, offset);

  if (code || count == 0)
    return code;
  core_lock(core);
  core->stats.reads++;
  core->stats.read_bytes += count;
  code = map_load(core, offset / core->sb.unit_bytes,
                  (offset + count - 1) / core->sb.unit_bytes, MAP_READ);
  if (!code)
    code = read_locked(core, buffer, count, offset);
  core_unlock(core);
  return code;
}
