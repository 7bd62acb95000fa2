/* SPDX-License-Identifier: BSD-3-Clause */
/* Roots: the map is written to the disk, so that the log before it can be reused.
 *
 * The paper's Challis pair.  A root describes the disk as of record `sequence`
 * or later (commits that land while its pages are written may be in them: the
 * log's entries from `sequence` on say the same again) and vouches that the log
 * reaches `vouched`.  A changed page goes to the place that neither of the last
 * two roots uses: with three places, the next one round.
 *
 *   home    data that is only in the log, up to `sequence`, moves to its places
 *   pages   from the leaves up, each parent's entry with its child's checksum
 *   flush   then the older slot is overwritten, then another flush: it counts
 *
 * Nobody waits for a root unless the log is full.
 */
#include "core.h"

#include "checksum.h"

enum { INLINED_MAX = 16 << 20 }; /* bytes of data that a recovery may find in the log */

bool root_due(const struct rdisk_core *core)
{
  return core->log_waiting > 0 || core->head - core->newest.position > core->log_atoms * 3 / 8 ||
         core->replays > 65536 || core->inlined * core->sb.unit_bytes > INLINED_MAX;
}

/* ---- moving logged data home ---------------------------------------------------- */

bool home_due(const struct rdisk_core *core)
{
  /* Seldom, and many at once: while they are written, commits wait for the device. */
  return core->logged.count + core->logged_old.count >= core->buf_count / 8;
}

bool home_round(struct rdisk_core *core, struct lane *lane)
{
  bool new = writeback_round(core, lane, &core->logged);

  return writeback_round(core, lane, &core->logged_old) || new;
}

static bool logged_before(const struct buf_list *list, uint64_t checkpoint)
{
  for (const struct buf *buf = list->first; buf; buf = buf->next)
    if (buf->interval <= checkpoint)
      return true;
  return false;
}

static int move_home(struct rdisk_core *core, struct lane *lane, uint64_t checkpoint)
{
  core->no_space = false;
  while (logged_before(&core->logged, checkpoint) ||
         logged_before(&core->logged_old, checkpoint)) {
    if (core->failed)
      return core->failed;
    if (core->no_space && lane->busy == 0)
      return RDISK_ENOSPC;
    if (!home_round(core, lane))
      core_wait(core, RDISK_CHANNEL_IO);
  }
  return 0;
}

/* ---- pages ------------------------------------------------------------------------ */

struct rooting {
  struct rdisk_core *core;
  struct lane *lane;
  struct root root;
  struct node *written;
  unsigned count; /* in the batch */
};

static void write_batch(struct rooting *r)
{
  unsigned count = r->count;

  r->count = 0;
  while (count > 0 || r->lane->busy > 0) {
    lane_run(r->core, r->lane, count, r->lane->busy + count);
    count = 0;
  }
}

static bool all_zero(const uint64_t *page, uint32_t bytes)
{
  for (uint32_t i = 0; i < bytes / 8; i++)
    if (page[i])
      return false;
  return true;
}

static void set_entry(struct rooting *r, struct node *node, uint64_t entry)
{
  if (!node->parent) {
    r->root.top = entry;
    return;
  }
  node->parent->page[node->index % r->core->map.fan_out] = entry;
  map_mark_dirty(r->core, node->parent);
}

static void add_page(struct rooting *r, struct node *node, unsigned place)
{
  struct rdisk_core *core = r->core;
  uint32_t atom = core_atom(core);
  struct transfer *transfer = lane_get(r->lane);
  unsigned char *image = core->pages + (size_t)r->count * atom;

  memcpy(image, node->page, atom);
  transfer->node = node;
  transfer->iov[0] = (struct rdisk_iovec){ image, atom };
  transfer->iocb.op = RDISK_IO_WRITE;
  transfer->iocb.offset = map_page_offset(&core->sb, &core->map, node->level, node->index, place);
  transfer->iocb.length = atom;
  transfer->iocb.iov_count = 1;
  r->lane->batch[r->count++] = &transfer->iocb;
  core->stats.map_bytes += atom;
}

static int put_page(struct rooting *r, struct node *node)
{
  struct rdisk_core *core = r->core;
  unsigned place = node->rooted_place % FORMAT_PLACES + 1;
  int code = map_load_node(core, node);

  node->dirty = false;
  if (code) {
    map_mark_dirty(core, node);
    return code;
  }
  node->root_next = r->written;
  r->written = node;
  if (all_zero(node->page, core_atom(core))) {
    set_entry(r, node, ENTRY_MAKE(node->rooted_place, 0));
    return 0;
  }
  set_entry(r, node, ENTRY_MAKE(place, map_page_sum(&core->sb, node->level, node->index,
                                                   node->page)));
  add_page(r, node, place);
  if (!r->lane->free || r->count == r->lane->depth)
    write_batch(r);
  return core->failed;
}

static int put_level(struct rooting *r, unsigned level)
{
  struct rdisk_core *core = r->core;
  struct node *node = core->dirty[level];
  int code = 0;

  core->dirty[level] = NULL;
  while (node) {
    struct node *next = node->dirty_next;

    if (code) { /* it stays dirty */
      node->dirty = false;
      map_mark_dirty(core, node);
    } else {
      code = put_page(r, node);
    }
    node = next;
  }
  write_batch(r);
  return code ? code : core->failed ? core->failed : r->lane->page_error;
}

static int put_pages(struct rooting *r)
{
  int code = 0;

  write_batch(r); /* the lane's transfers are ours alone from here */
  for (unsigned level = 0; level < r->core->map.levels && !code; level++)
    code = put_level(r, level);
  return code;
}

/* ---- the slot ----------------------------------------------------------------------- */

static int put_slot(struct rooting *r)
{
  struct rdisk_core *core = r->core;
  uint64_t offset = root_offset(r->root.generation & 1);
  int code;

  memset(core->pages, 0, core_atom(core));
  root_encode(&core->sb, &r->root, core->pages);
  core->stats.map_bytes += core_atom(core);
  code = device_flush(core, "flush of the map");
  if (code)
    return code;
  core_unlock(core);
  code = device_write(core, core->pages, core_atom(core), offset);
  core_lock(core);
  if (code == RDISK_ENOSPC)
    return code;
  if (code)
    core_fail(core, code, "write of a root", offset);
  return device_flush(core, "flush of a root");
}

static void begin(struct rooting *r, uint32_t flags)
{
  struct rdisk_core *core = r->core;

  r->root = (struct root){
    .generation = core->newest.generation + 1,
    .epoch = core->epoch,
    .sequence = core->sequence,
    .chain = core->chain,
    .position = core->head,
    .checkpoint = core->checkpoint,
    .time_s = core->time_s,
    .top = core->newest.top,
    .flags = flags,
  };
}

/* A root that commits an interval takes a sequence number as a record would, so
 * that an older root's log cannot be followed past it. */
static void advance(struct rooting *r, const struct interval *interval)
{
  struct rdisk_core *core = r->core;

  r->root.sequence++;
  r->root.chain = checksum_fold(r->root.chain, r->root.generation);
  r->root.checkpoint = interval->number;
  r->root.time_s = core->env.time_s ? core->env.time_s(core->env.opaque) : 0;
}

static void counts_now(struct rooting *r, uint64_t replays, uint64_t inlined)
{
  struct rdisk_core *core = r->core;

  for (struct node *node = r->written; node; node = node->root_next) {
    uint64_t entry = node->parent ? node->parent->page[node->index % core->map.fan_out]
                                  : r->root.top;
    node->rooted_place = ENTRY_PLACE(entry);
  }
  core->older = core->newest;
  core->newest = r->root;
  if (core->sequence < r->root.sequence) { /* it was a commit */
    core->sequence = r->root.sequence;
    core->chain = r->root.chain;
    core->checkpoint = r->root.checkpoint;
    core->time_s = r->root.time_s;
  }
  core->replays -= replays;
  core->inlined -= inlined;
  if (r->root.vouched == core->sequence)
    core->vouched = true;
  core->stats.roots++;
}

static void undo(struct rooting *r)
{
  for (struct node *node = r->written; node; node = node->root_next)
    map_mark_dirty(r->core, node);
}

int root_write(struct rdisk_core *core, struct lane *lane, uint32_t flags,
               const struct interval *interval)
{
  struct rooting r = { .core = core, .lane = lane };
  uint64_t replays = core->replays, inlined = core->inlined;
  int code;

  CORE_INVARIANT(!core->rooting);
  core->rooting = true;
  lane->page_error = 0;
  begin(&r, flags);
  if (interval)
    advance(&r, interval);
  code = move_home(core, lane, core->checkpoint);
  if (!code)
    code = put_pages(&r);
  r.root.vouched = interval ? r.root.sequence : core->sequence;
  if (!code)
    code = put_slot(&r);
  if (code)
    undo(&r);
  else
    counts_now(&r, replays, inlined);
  core->root_error = code;
  core->rooting = false;
  core_wake(core, RDISK_CHANNEL_SPACE);
  core_wake(core, RDISK_CHANNEL_COMMIT);
  return code;
}
