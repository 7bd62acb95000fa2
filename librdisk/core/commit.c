/* SPDX-License-Identifier: BSD-3-Clause */
/* Seal and commit.
 *
 *   open --seal--> sealed --commit--> durable
 *
 * seal()      waits for large requests, then turns the open interval into the
 *             sealed one and opens the next: an instant (D1, D3)
 * commit_one  has the sealed interval's data written, its record written and
 *             flushed; the flush's return is the commit point
 * land()      takes over what the commit decided: planes, buffers, waiting
 *             writes
 *
 * One interval at most is sealed and not committed.  If the device has no room
 * for its data it stays sealed, callers get ENOSPC, and the next call tries
 * again.  Every other failure is final until the store is reopened (D8).
 */
#include "core.h"

/* ---- seal ------------------------------------------------------------------ */

static bool interval_empty(const struct interval *interval)
{
  return !interval->touched && interval->held.count == 0 && interval->in_progress == 0;
}

static void interval_open(struct interval *interval, uint64_t number)
{
  CORE_INVARIANT(interval->unwritten == 0 && interval->others.count == 0);
  interval->number = number;
  interval->retain = true;
}

static int seal(struct rdisk_core *core)
{
  core->seal_waits = true;
  while (core->open->in_progress > 0 && !core->failed)
    core_wait(core, RDISK_CHANNEL_COMMIT);
  core->seal_waits = false;
  core_wake(core, RDISK_CHANNEL_COMMIT);
  if (core->failed)
    return core->failed;
  CORE_INVARIANT(!core->sealed && core->open->held.count == 0);
  core->sealed = core->open;
  core->open = &core->intervals[(core->sealed->number + 1) & 1];
  interval_open(core->open, core->sealed->number + 1);
  return 0;
}

/* ---- landing ----------------------------------------------------------------- */

static void drop_moved(struct rdisk_core *core, const struct interval *interval)
{
  struct buf *next;

  for (struct buf *buf = core->logged_old.first; buf; buf = next) {
    next = buf->next;
    if (ab_written(core, interval, buf->unit))
      buf_drop(core, buf); /* a newer version is durable: it need not move home */
  }
}

static void land_bufs(struct rdisk_core *core, struct interval *interval)
{
  struct buf *buf;

  core->releasing = true; /* commit_one wakes */
  while ((buf = interval->others.last))
    buf_drop(core, buf);
  core->releasing = false;
  while ((buf = interval->dirty.first)) {
    interval->unwritten--;
    buf->state = BUF_LOGGED;
    buf_move(buf, buf->superseded ? &core->logged_old : &core->logged);
  }
}

/* What was written meanwhile to units of the landed interval gets its places. */
static void place_held(struct rdisk_core *core)
{
  struct buf *buf;

  while ((buf = core->open->held.first)) {
    buf->place = ab_write(core, buf->unit);
    buf->state = BUF_DIRTY;
    buf_move(buf, &core->open->dirty);
  }
}

static void take_over(struct rdisk_core *core, struct interval *interval)
{
  drop_moved(core, interval);
  ab_commit(core, interval);
}

static void land(struct rdisk_core *core)
{
  struct interval *interval = core->sealed;

  for (struct buf *buf = interval->dirty.first; buf; buf = buf->next)
    buf->place = ab_go_home(core, buf->unit);
  take_over(core, interval);
  land_bufs(core, interval);
  core->sealed = NULL;
  place_held(core);
  core->stats.checkpoints++;
  if (root_due(core) || core->discards || home_due(core) || write_behind_due(core))
    core_kick(core);
}

/* ---- the commit ------------------------------------------------------------------ */

enum way { BY_LOG_INLINE, BY_LOG_VERIFY, BY_LOG_SYNCED };

static bool fits_inline(const struct rdisk_core *core, const struct interval *interval)
{
  return interval->retain && interval->dirty.count > 0 &&
         interval->dirty.count + interval->others.count <= core->inline_units &&
         core->logged.count + core->logged_old.count + core->inline_units <= core->buf_count / 4;
}

static int finish_data(struct rdisk_core *core, struct interval *interval, bool inlined)
{
  if (!inlined)
    return writeback_interval(core, interval);
  while (interval->unwritten > interval->dirty.count && !core->failed)
    core_wait(core, RDISK_CHANNEL_IO); /* some of it was under way already */
  return core->failed;
}

/* Room for the map pages that it changes, while nothing is decided yet. */
static int reserve_map(struct rdisk_core *core, const struct interval *interval)
{
  int code = 0;

  if (!core->io->reserves || (core->sb.flags & SB_KEEP_SPACE))
    return 0;
  for (struct node *leaf = interval->touched; leaf && !code;
       leaf = leaf->touched_next[interval->number & 1]) {
    uint64_t first = map_page_offset(&core->sb, &core->map, 0, leaf->index, 1);

    core_unlock(core);
    code = device_simple(core, RDISK_IO_RESERVE, first, FORMAT_PLACES * core->sb.atom_bytes);
    core_lock(core);
  }
  return code;
}

static int commit_by_root(struct rdisk_core *core, struct interval *interval)
{
  int code;

  code = reserve_map(core, interval);
  if (code)
    return code;
  while (core->rooting)
    core_wait(core, RDISK_CHANNEL_COMMIT);
  ab_merge(core, interval); /* the interval stays sealed: nobody may use what it replaces */
  code = root_write(core, &core->commit, 0, interval); /* <- the commit point */
  /* The other slot too: a lone newest root that is damaged later would leave the
   * older one, from which no record leads here (D5). */
  if (!code)
    code = root_write(core, &core->commit, 0, NULL);
  if (code && !core->failed)
    core_fail(core, code, "commit by a root", 0);
  core->stats.commits_root++;
  return code ? core->failed : 0;
}

static int commit_by_log(struct rdisk_core *core, struct interval *interval, bool inlined,
                         bool *fits)
{
  bool verify = interval->retain && interval->others.count > 0;
  struct record record;
  int code;

  *fits = log_build(core, interval, inlined, verify, &record);
  if (!*fits)
    return 0;
  code = log_reserve(core, record.atoms);
  if (!code && !interval->retain) /* step 4: too much to verify, so flush it first */
    code = device_flush(core, "flush of data");
  if (code)
    return code;
  code = log_append(core, &record); /* <- the commit point is in here: its flush */
  if (code)
    return code;
  log_landed(core, &record);
  core->stats.commits_inline += record.inline_atoms > 0;
  core->stats.commits_synced += !interval->retain;
  return 0;
}

static int commit_sealed(struct rdisk_core *core)
{
  struct interval *interval = core->sealed;
  bool inlined = fits_inline(core, interval), fits;
  int code = finish_data(core, interval, inlined);

  if (code)
    return code;
  code = commit_by_log(core, interval, inlined, &fits);
  if (!code && !fits) {
    code = writeback_interval(core, interval);
    if (!code)
      code = commit_by_root(core, interval);
  }
  if (!code)
    land(core);
  return code;
}

int commit_one(struct rdisk_core *core)
{
  int code = 0;

  core->committing = true;
  if (!core->sealed)
    code = seal(core);
  if (!code)
    code = commit_sealed(core);
  core->committing = false;
  core_wake(core, RDISK_CHANNEL_COMMIT);
  core_wake(core, RDISK_CHANNEL_IO);
  core_wake(core, RDISK_CHANNEL_SPACE);
  return code;
}

/* ---- the call ---------------------------------------------------------------------- */

/* Callers that arrive while a commit is under way wait for it and then share the
 * next one: a caller is served only by a commit sealed after it arrived. */
static int checkpoint(struct rdisk_core *core)
{
  uint64_t want = core->open->number;
  int code = 0;

  if (interval_empty(core->open))
    want--; /* nothing new: but what is sealed must land */
  while (core->checkpoint < want && !code) {
    if (core->failed)
      code = core->failed;
    else if (core->committing)
      core_wait(core, RDISK_CHANNEL_COMMIT);
    else
      code = commit_one(core);
  }
  return code;
}

int rdisk_core_checkpoint(struct rdisk_core *core, uint64_t *sequence)
{
  int code;

  core_lock(core);
  core->stats.checkpoint_calls++;
  code = core_writable(core, "checkpoint");
  if (!code) {
    code = checkpoint(core);
    if (code == RDISK_ENOSPC)
      core_error(&core->env, code, "checkpoint: the device that holds the store is full; make "
                                   "room there and try again (nothing is lost)");
    else if (core->failed)
      code = core_writable(core, "checkpoint");
    else if (code)
      core_error(&core->env, code, "checkpoint: the log is full, and the map cannot be written "
                                   "(error %u): see the log, and run rdisk check",
                 (uint64_t)-code);
  }
  if (!code && sequence)
    *sequence = core->checkpoint;
  core_unlock(core);
  return code;
}

/* ---- going back --------------------------------------------------------------------- */

static void drop_interval(struct rdisk_core *core, struct interval *interval)
{
  struct buf *buf;

  while ((buf = interval->held.first) || (buf = interval->dirty.first) ||
         (buf = interval->others.first))
    buf_drop(core, buf);
  ab_revert(core, interval);
  interval->retain = true;
}

/* Wait until nobody is in the middle of anything. */
static void settle(struct rdisk_core *core)
{
  while (core->committing || core->open->in_progress > 0)
    core_wait(core, RDISK_CHANNEL_COMMIT);
}

static void revert(struct rdisk_core *core)
{
  struct buf *buf;

  if (core->sealed) { /* for want of room it has not been committed */
    drop_interval(core, core->sealed);
    drop_interval(core, core->open);
    core->open = core->sealed;
    core->sealed = NULL;
  } else {
    drop_interval(core, core->open);
  }
  while ((buf = core->logged_old.first)) {
    buf->superseded = false;
    buf_move(buf, &core->logged);
  }
  core->stamp++;
  for (unsigned i = 0; i < STAMP_SLOTS; i++)
    core->unit_stamp[i] = core->stamp;
  core->no_space = false;
  core_wake(core, RDISK_CHANNEL_SPACE);
}

int rdisk_core_recover(struct rdisk_core *core)
{
  int code;

  core_lock(core);
  code = core_writable(core, "recover");
  if (!code) {
    settle(core);
    code = core_writable(core, "recover");
  }
  if (!code)
    revert(core);
  core_unlock(core);
  return code;
}

/* ---- drain ---------------------------------------------------------------------------- */

static bool list_older(const struct buf_list *list, uint64_t until)
{
  for (const struct buf *buf = list->first; buf; buf = buf->next)
    if (buf->stamp <= until && buf->state != BUF_WRITTEN)
      return true;
  return false;
}

static bool unwritten_before(const struct rdisk_core *core, uint64_t until)
{
  const struct interval *open = core->open;

  if (core->sealed && list_older(&core->sealed->dirty, until))
    return true;
  return list_older(&open->held, until) || list_older(&open->dirty, until) ||
         list_older(&open->others, until) ||
         (core->sealed && list_older(&core->sealed->others, until));
}

static int drain(struct rdisk_core *core)
{
  uint64_t until = core->stamp;
  int code = core_writable(core, "flush");

  while (!code && unwritten_before(core, until)) {
    if (core->sealed && !core->committing) { /* left over for want of room */
      code = commit_one(core);
    } else if (core->open->dirty.count == 0 && core->open->held.count > 0) {
      core_wait(core, RDISK_CHANNEL_COMMIT); /* they get their places when it has landed */
    } else {
      core->drain_wanted = true;
      core_kick(core);
      core_wait(core, RDISK_CHANNEL_IO);
      code = core->no_space && core->background.busy == 0 ? RDISK_ENOSPC : 0;
    }
    if (code == RDISK_ENOSPC)
      core_error(&core->env, code, "flush: the device that holds the store is full; make room "
                                   "there and try again");
    else if (!code || core->failed)
      code = core_writable(core, "flush");
  }
  return code;
}

int rdisk_core_drain(struct rdisk_core *core)
{
  int code = 0;

  core_lock(core);
  if (!core->read_only)
    code = drain(core);
  core_unlock(core);
  return code;
}
