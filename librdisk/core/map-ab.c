/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout ab, the paper's: two places for each unit, and for each a bit of
 * CurrentBlock (which place is newest) and of CurrentlyWritten (it has been
 * written in this interval, so its newest place is free to be overwritten).
 * A third, Mapped, tells what has data at all.
 *
 * The first write of a unit in an interval turns its CurrentBlock over: the
 * other place takes the new version while the committed one stays (D4).  Only
 * the open interval, or the one sealed before it, may have turned a unit: a
 * unit of the sealed one is held in memory when written again (BUF_HELD), and
 * gets its place when that commit has landed.
 */
#include "core.h"

static enum plane written_plane(const struct interval *interval)
{
  return interval->number & 1 ? CURRENTLY_WRITTEN1 : CURRENTLY_WRITTEN;
}

static bool bit(const uint64_t *plane, uint64_t i)
{
  return plane[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *plane, uint64_t i, bool value)
{
  uint64_t mask = UINT64_C(1) << (i % 64);

  plane[i / 64] = value ? plane[i / 64] | mask : plane[i / 64] & ~mask;
}

/* Bits FROM to TO-1 of word W. */
static uint64_t word_mask(uint64_t w, uint64_t from, uint64_t to)
{
  uint64_t mask = ~UINT64_C(0);

  if (from > w * 64)
    mask &= ~UINT64_C(0) << (from - w * 64);
  if (to < (w + 1) * 64)
    mask &= ~UINT64_C(0) >> ((w + 1) * 64 - to);
  return mask;
}

static const uint64_t *newest_mapped(const struct rdisk_core *core, struct node *leaf)
{
  return leaf->live ? map_plane(core, leaf, MAPPED) : leaf->page + map_words(core);
}

static const uint64_t *newest_current(const struct rdisk_core *core, struct node *leaf)
{
  return leaf->live ? map_plane(core, leaf, CURRENT_BLOCK) : leaf->page;
}

/* ---- looking up -------------------------------------------------------------- */

bool ab_locate(struct rdisk_core *core, uint64_t unit, uint64_t *place)
{
  struct node *leaf = map_leaf(core, unit);
  uint64_t i = unit % core->map.leaf_units;

  if (!leaf || !bit(newest_mapped(core, leaf), i))
    return false;
  *place = core_place(core, unit, bit(newest_current(core, leaf), i));
  return true;
}

bool ab_written(struct rdisk_core *core, const struct interval *interval, uint64_t unit)
{
  struct node *leaf = map_leaf(core, unit);

  return leaf && leaf->live &&
         bit(map_plane(core, leaf, written_plane(interval)), unit % core->map.leaf_units);
}

bool ab_sealed(struct rdisk_core *core, uint64_t unit)
{
  return core->sealed && ab_written(core, core->sealed, unit);
}

bool ab_sealed_range(struct rdisk_core *core, uint64_t first, uint64_t count)
{
  uint64_t lu = core->map.leaf_units, end = first + count;

  if (!core->sealed)
    return false;
  for (struct node *leaf = core->sealed->touched; leaf;
       leaf = leaf->touched_next[core->sealed->number & 1]) {
    const uint64_t *written = map_plane(core, leaf, written_plane(core->sealed));
    uint64_t base = leaf->index * lu;
    uint64_t from = first > base ? first - base : 0;
    uint64_t to = end > base ? end - base : 0;

    if (to > lu)
      to = lu;
    for (uint64_t w = from / 64; from < to && w * 64 < to; w++)
      if (written[w] & word_mask(w, from, to))
        return true;
  }
  return false;
}

/* The first bit from FROM on, up to TO, that differs from bit FROM. */
static uint64_t same_until(const uint64_t *plane, uint64_t from, uint64_t to)
{
  uint64_t flip = bit(plane, from) ? ~UINT64_C(0) : 0;

  for (uint64_t w = from / 64; w * 64 < to; w++) {
    uint64_t other = (plane[w] ^ flip) & word_mask(w, from, to);

    if (other)
      return w * 64 + (unsigned)__builtin_ctzll(other);
  }
  return to;
}

bool ab_run(struct rdisk_core *core, uint64_t unit, uint64_t limit, uint64_t *length)
{
  struct node *leaf = map_leaf(core, unit);
  uint64_t lu = core->map.leaf_units, i = unit % lu, end;

  if (!leaf) {
    end = map_skip(core, unit);
    *length = (end < limit ? end : limit) - unit;
    return false;
  }
  end = limit - unit < lu - i ? i + limit - unit : lu;
  *length = same_until(newest_mapped(core, leaf), i, end) - i;
  return bit(newest_mapped(core, leaf), i);
}

uint64_t ab_locate_run(struct rdisk_core *core, uint64_t unit, uint64_t limit, uint64_t *place)
{
  uint64_t stripe_left = core->sb.stripe_units - unit % core->sb.stripe_units, i, length;
  const uint64_t *current;

  *place = PLACE_NONE;
  if (!ab_run(core, unit, limit, &length))
    return length;
  if (length > stripe_left)
    length = stripe_left;
  i = unit % core->map.leaf_units;
  current = newest_current(core, map_leaf(core, unit));
  *place = core_place(core, unit, bit(current, i));
  return same_until(current, i, i + length) - i;
}

/* ---- changing the open interval ------------------------------------------------ */

static void touch(struct rdisk_core *core, struct node *leaf)
{
  unsigned parity = core->open->number & 1;

  if (leaf->touched[parity])
    return;
  leaf->touched[parity] = true;
  leaf->touched_next[parity] = core->open->touched;
  core->open->touched = leaf;
}

uint64_t ab_write(struct rdisk_core *core, uint64_t unit)
{
  struct node *leaf = map_leaf(core, unit);
  uint64_t i = unit % core->map.leaf_units;
  uint64_t *current = map_plane(core, leaf, CURRENT_BLOCK);
  uint64_t *mapped = map_plane(core, leaf, MAPPED);
  uint64_t *written = map_plane(core, leaf, written_plane(core->open));

  CORE_INVARIANT(!ab_sealed(core, unit));
  touch(core, leaf);
  if (!bit(written, i)) {
    set_bit(written, i, true);
    if (bit(mapped, i))
      set_bit(current, i, !bit(current, i));
  }
  set_bit(mapped, i, true);
  set_bit(map_plane(core, leaf, DISCARD), i, false);
  return core_place(core, unit, bit(current, i));
}

uint64_t ab_next_place(struct rdisk_core *core, uint64_t unit)
{
  struct node *leaf = map_leaf(core, unit);
  uint64_t i = unit % core->map.leaf_units;
  bool b = bit(map_plane(core, leaf, CURRENT_BLOCK), i);
  bool turn = bit(map_plane(core, leaf, MAPPED), i) &&
              !bit(map_plane(core, leaf, written_plane(core->open)), i);

  return core_place(core, unit, b != turn);
}

static void zero_word(struct rdisk_core *core, struct node *leaf, uint64_t w, uint64_t mask,
                      bool keep_space)
{
  uint64_t *keep = map_plane(core, leaf, KEEP) + w;
  uint64_t *current = map_plane(core, leaf, CURRENT_BLOCK) + w;
  uint64_t *mapped = map_plane(core, leaf, MAPPED) + w;
  uint64_t *written = map_plane(core, leaf, written_plane(core->open)) + w;
  uint64_t gone = *mapped & mask;

  *current ^= gone & ~*written;
  *written |= gone;
  *mapped &= ~gone;
  *keep = keep_space ? *keep | gone : *keep & ~mask;
}

void ab_zero(struct rdisk_core *core, uint64_t first, uint64_t count, bool keep_space)
{
  uint64_t lu = core->map.leaf_units, end = first + count;

  for (uint64_t unit = first; unit < end;) {
    struct node *leaf = map_leaf(core, unit);
    uint64_t next = leaf ? (leaf->index + 1) * lu : map_skip(core, unit);
    uint64_t from = unit % lu, to;

    if (leaf && leaf->live) { /* one that came without planes since the load is all zero */
      to = end < next ? end - leaf->index * lu : lu;
      touch(core, leaf);
      for (uint64_t w = from / 64; w * 64 < to; w++)
        zero_word(core, leaf, w, word_mask(w, from, to), keep_space);
    }
    unit = next;
  }
}

/* ---- the commit ------------------------------------------------------------------- */

/* What the interval made of unit i of a leaf: an entry's kind, 0: nothing. */
static uint32_t change_of(struct rdisk_core *core, struct node *leaf, uint64_t i)
{
  if (bit(map_plane(core, leaf, MAPPED), i))
    return bit(map_plane(core, leaf, CURRENT_BLOCK), i) ? ENTRY_B : ENTRY_A;
  return bit(leaf->page + map_words(core), i) ? ENTRY_ZERO : 0;
}

static int gather_leaf(struct rdisk_core *core, struct interval *interval, struct node *leaf,
                       ab_gather_fn *gather, void *opaque)
{
  const uint64_t *written = map_plane(core, leaf, written_plane(interval));

  for (uint64_t w = 0; w < map_words(core); w++)
    for (uint64_t bits = written[w]; bits != 0; bits &= bits - 1) {
      uint64_t i = w * 64 + (unsigned)__builtin_ctzll(bits);
      struct entry entry = { .first = leaf->index * core->map.leaf_units + i, .count = 1 };
      int stop;

      entry.kind = change_of(core, leaf, i);
      stop = entry.kind ? gather(opaque, &entry) : 0;
      if (stop)
        return stop;
    }
  return 0;
}

int ab_gather(struct rdisk_core *core, struct interval *interval, ab_gather_fn *gather,
              void *opaque)
{
  for (struct node *leaf = interval->touched; leaf;
       leaf = leaf->touched_next[interval->number & 1]) {
    int stop = gather_leaf(core, interval, leaf, gather, opaque);

    if (stop)
      return stop;
  }
  return 0;
}

/* Data that goes through the log can come home to the place of the version that
 * it replaces: that is free once the record is durable (D4), and a map that does
 * not change need not be written. */
static bool logged_at_b(struct rdisk_core *core, struct node *leaf, uint64_t i)
{
  if (bit(leaf->page + map_words(core), i))
    return bit(leaf->page, i);
  return bit(map_plane(core, leaf, CURRENT_BLOCK), i);
}

bool ab_home_at_b(struct rdisk_core *core, uint64_t unit)
{
  return logged_at_b(core, map_leaf(core, unit), unit % core->map.leaf_units);
}

uint64_t ab_go_home(struct rdisk_core *core, uint64_t unit)
{
  struct node *leaf = map_leaf(core, unit);
  uint64_t i = unit % core->map.leaf_units;
  bool b = logged_at_b(core, leaf, i);

  set_bit(map_plane(core, leaf, CURRENT_BLOCK), i, b);
  return core_place(core, unit, b);
}

static void want_discards(struct rdisk_core *core, struct node *leaf)
{
  if (leaf->has_discards)
    return;
  leaf->has_discards = true;
  leaf->discard_next = core->discards;
  core->discards = leaf;
}

/* Take the interval's version of each unit over into the committed planes. */
void ab_merge(struct rdisk_core *core, const struct interval *interval)
{
  uint64_t words = map_words(core);

  for (struct node *leaf = interval->touched; leaf;
       leaf = leaf->touched_next[interval->number & 1]) {
    const uint64_t *written = map_plane(core, leaf, written_plane(interval));

    for (uint64_t w = 0; w < words; w++) {
      leaf->page[w] ^= (leaf->page[w] ^ map_plane(core, leaf, CURRENT_BLOCK)[w]) & written[w];
      leaf->page[words + w] ^=
        (leaf->page[words + w] ^ map_plane(core, leaf, MAPPED)[w]) & written[w];
    }
    map_mark_dirty(core, leaf);
  }
}

static void commit_leaf(struct rdisk_core *core, struct interval *interval, struct node *leaf)
{
  uint64_t words = map_words(core);
  uint64_t *written = map_plane(core, leaf, written_plane(interval));
  const uint64_t *current = map_plane(core, leaf, CURRENT_BLOCK);
  const uint64_t *mapped = map_plane(core, leaf, MAPPED);
  uint64_t *discard = map_plane(core, leaf, DISCARD);
  uint64_t *keep = map_plane(core, leaf, KEEP);
  uint64_t given = 0, changed = 0;

  for (uint64_t w = 0; w < words; w++) {
    uint64_t mask = written[w];
    uint64_t turned = (leaf->page[w] ^ current[w]) & mask;
    uint64_t remapped = (leaf->page[words + w] ^ mapped[w]) & mask;

    leaf->page[w] ^= turned;
    leaf->page[words + w] ^= remapped;
    changed |= turned | remapped;
    discard[w] |= mask & ~mapped[w] & ~keep[w];
    given |= mask & ~mapped[w] & ~keep[w];
    keep[w] &= ~mask;
    written[w] = 0;
  }
  if (given)
    want_discards(core, leaf);
  if (changed)
    map_mark_dirty(core, leaf);
}

void ab_commit(struct rdisk_core *core, struct interval *interval)
{
  unsigned parity = interval->number & 1;

  while (interval->touched) {
    struct node *leaf = interval->touched;

    commit_leaf(core, interval, leaf);
    interval->touched = leaf->touched_next[parity];
    leaf->touched[parity] = false;
  }
}

void ab_revert(struct rdisk_core *core, struct interval *interval)
{
  unsigned parity = interval->number & 1;
  uint64_t words = map_words(core);

  while (interval->touched) {
    struct node *leaf = interval->touched;

    /* Both planes at once: they lie one behind the other in each image. */
    memcpy(leaf->live, leaf->page, 2 * words * 8);
    memset(map_plane(core, leaf, written_plane(interval)), 0, words * 8);
    interval->touched = leaf->touched_next[parity];
    leaf->touched[parity] = false;
  }
}

/* ---- recovery ----------------------------------------------------------------------- */

void ab_apply(struct rdisk_core *core, struct node *leaf, const struct entry *entry)
{
  uint64_t base = leaf->index * core->map.leaf_units;
  bool mapped = entry->kind != ENTRY_ZERO;
  bool b = entry->kind == ENTRY_B || entry->kind == ENTRY_INLINE_B;

  for (uint64_t unit = entry->first; unit < entry->first + entry->count; unit++) {
    uint64_t i = unit - base;

    if (mapped)
      set_bit(leaf->page, i, b);
    else if (bit(leaf->page + map_words(core), i))
      set_bit(leaf->page, i, !bit(leaf->page, i));
    set_bit(leaf->page + map_words(core), i, mapped);
  }
}
