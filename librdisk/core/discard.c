/* SPDX-License-Identifier: BSD-3-Clause */
/* Giving back the places of units that a durable checkpoint has as zero.
 *
 * One run at a time; writes to it wait (writeback.c), and a run that a read may
 * be looking at, or that a write still under way could land in, is left for the
 * next round (D4).  A crash before its turn leaves a place allocated: the next
 * trim of it gives it back.
 */
#include "core.h"

enum { RUNS_A_ROUND = 16 }; /* so that what else is under way gets its turn */

struct run {
  uint64_t first, count;
};

static bool bit(const uint64_t *plane, uint64_t i)
{
  return plane[i / 64] >> (i % 64) & 1;
}

/* The next run of DISCARD bits of a leaf from bit I on, within one stripe. */
static bool next_run(struct rdisk_core *core, struct node *leaf, uint64_t i, struct run *run)
{
  const uint64_t *plane = map_plane(core, leaf, DISCARD);
  uint64_t base = leaf->index * core->map.leaf_units, end;

  while (i < core->map.leaf_units && !bit(plane, i))
    i = plane[i / 64] >> (i % 64) ? i + 1 : (i / 64 + 1) * 64;
  if (i >= core->map.leaf_units)
    return false;
  run->first = base + i;
  end = (run->first / core->sb.stripe_units + 1) * core->sb.stripe_units - base;
  while (i < core->map.leaf_units && i < end && bit(plane, i))
    i++;
  run->count = base + i - run->first;
  return true;
}

static bool busy(struct rdisk_core *core, const struct run *run)
{
  for (const struct reader *r = core->readers; r; r = r->next)
    if (r->first < run->first + run->count && run->first <= r->last)
      return true;
  if (core->background.busy + core->commit.busy > 0)
    for (uint64_t unit = run->first; unit < run->first + run->count; unit++)
      if (pool_unit_in_flight(core, unit))
        return true;
  return false;
}

static void clear_bits(struct rdisk_core *core, struct node *leaf, const struct run *run)
{
  uint64_t *plane = map_plane(core, leaf, DISCARD);

  for (uint64_t unit = run->first; unit < run->first + run->count; unit++) {
    uint64_t i = unit % core->map.leaf_units;

    plane[i / 64] &= ~(UINT64_C(1) << (i % 64));
  }
}

static void discard(struct rdisk_core *core, const struct run *run)
{
  uint64_t bytes = run->count * core->sb.unit_bytes;
  int code = 0;

  core->discarding_first = run->first;
  core->discarding_count = run->count;
  core_unlock(core);
  for (unsigned which = 0; which < 2 && !code; which++)
    code = device_simple(core, RDISK_IO_DISCARD, core_place(core, run->first, which), bytes);
  core_lock(core);
  core->discarding_count = 0;
  core->stats.discards++;
  core->stats.discard_bytes += 2 * bytes;
  if (code)
    core_log(&core->env, RDISK_LOG_DEBUG, "discard of %u bytes failed (error %u)", bytes,
             (uint64_t)-code);
  writeback_unblock(core);
}

static void want_again(struct rdisk_core *core, struct node *leaf)
{
  if (leaf->has_discards)
    return;
  leaf->has_discards = true;
  leaf->discard_next = core->discards;
  core->discards = leaf;
}

bool discard_round(struct rdisk_core *core)
{
  bool give = core->io->discards && !(core->sb.flags & SB_KEEP_SPACE);
  struct node *leaf = core->discards;
  struct run run = { 0, 0 };
  uint64_t i = 0;
  bool left = false;
  unsigned told = 0;

  if (!leaf)
    return false;
  core->discards = leaf->discard_next;
  leaf->has_discards = false;
  while (next_run(core, leaf, i, &run)) {
    i = run.first % core->map.leaf_units + run.count;
    if (give && busy(core, &run)) {
      left = core->blocked = true;
      continue;
    }
    if (told == RUNS_A_ROUND) {
      want_again(core, leaf);
      return true;
    }
    clear_bits(core, leaf, &run);
    if (give) {
      discard(core, &run);
      told++;
    }
  }
  if (left) /* a kick will say when to try again */
    want_again(core, leaf);
  return !left;
}
