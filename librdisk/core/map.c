/* SPDX-License-Identifier: BSD-3-Clause */
/* The map's tree of pages in memory.
 *
 * Pages come in when they are first needed and stay.  A page whose entry says
 * "all zero" costs no I/O.  Each page is believed only if its checksum is the
 * one its parent's entry (or the root) gives: a damaged, lost or misplaced page
 * is found when it is read, and told (D5).
 *
 * After a crash the log's entries wait at the leaf they belong to until that
 * leaf is read (D7: opening reads no leaf).
 */
#include "core.h"

static struct node *node_new(struct rdisk_core *core, struct node *parent, unsigned level,
                             uint64_t index)
{
  struct node *node = core_alloc(&core->env, sizeof *node);

  if (!node)
    return NULL;
  node->level = level;
  node->index = index;
  node->parent = parent;
  node->replay_end = &node->replay;
  return node;
}

uint64_t map_words(const struct rdisk_core *core)
{
  return core->map.leaf_units / 64;
}

uint64_t *map_plane(const struct rdisk_core *core, struct node *leaf, enum plane plane)
{
  return leaf->live + (size_t)plane * map_words(core);
}

static size_t live_bytes(const struct rdisk_core *core)
{
  return LIVE_PLANES * map_words(core) * 8;
}

static size_t child_bytes(const struct rdisk_core *core)
{
  return core->map.fan_out * sizeof(struct node *);
}

static uint64_t entry_of(struct rdisk_core *core, const struct node *node)
{
  if (!node->parent)
    return core->newest.top;
  return node->parent->page[node->index % core->map.fan_out];
}

/* ---- making and destroying ------------------------------------------------------ */

int map_create(struct rdisk_core *core, uint64_t top_entry)
{
  core->newest.top = top_entry;
  core->top = node_new(core, NULL, core->map.levels - 1, 0);
  if (!core->top)
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory for the map");
  core->top->rooted_place = ENTRY_PLACE(top_entry);
  return 0;
}

static void node_free(struct rdisk_core *core, struct node *node)
{
  while (node->replay) {
    struct replay *next = node->replay->next;

    core_release(&core->env, node->replay, sizeof *node->replay);
    node->replay = next;
  }
  core_release(&core->env, node->page, core_atom(core));
  core_release(&core->env, node->live, live_bytes(core));
  core_release(&core->env, node->child, child_bytes(core));
  core_release(&core->env, node, sizeof *node);
}

static void destroy(struct rdisk_core *core, struct node *node)
{
  if (node->child)
    for (uint32_t i = 0; i < core->map.fan_out; i++)
      if (node->child[i])
        destroy(core, node->child[i]); /* depth: FORMAT_LEVELS_MAX */
  node_free(core, node);
}

void map_destroy(struct rdisk_core *core)
{
  if (core->top)
    destroy(core, core->top);
}

/* ---- loading a page --------------------------------------------------------------- */

static int read_page(struct rdisk_core *core, struct node *node, uint64_t entry)
{
  uint64_t offset = map_page_offset(&core->sb, &core->map, node->level, node->index,
                                    ENTRY_PLACE(entry));
  int code;

  core_unlock(core);
  code = device_read(core, node->page, core_atom(core), offset, 0);
  core_lock(core);
  if (code)
    return core_error(&core->env, code, "read of a map page at offset %u of the store failed",
                      offset);
  if (map_page_sum(&core->sb, node->level, node->index, node->page) != ENTRY_SUM(entry))
    return core_error(&core->env, RDISK_EDAMAGED,
                      "map page (level %u, number %u) at offset %u of the store: checksum "
                      "does not match (D5); run rdisk check",
                      (uint64_t)node->level, node->index, offset);
  return 0;
}

/* What the units past the end of the disk say must be nothing. */
static int check_leaf_end(struct rdisk_core *core, struct node *node)
{
  uint64_t begin = node->index * core->map.leaf_units;

  for (uint64_t i = core->units - begin; begin + i >= core->units && i < core->map.leaf_units; i++)
    if (node->page[map_words(core) + i / 64] >> (i % 64) & 1)
      return core_error(&core->env, RDISK_EDAMAGED,
                        "map leaf %u maps units past the end of the disk (D5)", node->index);
  return 0;
}

static void apply_replays(struct rdisk_core *core, struct node *node)
{
  while (node->replay) {
    struct replay *replay = node->replay;

    node->replay = replay->next;
    ab_apply(core, node, &replay->entry);
    core_release(&core->env, replay, sizeof *replay);
  }
  node->replay_end = &node->replay;
}

static int load(struct rdisk_core *core, struct node *node)
{
  uint64_t entry = entry_of(core, node);
  int code = 0;

  if (!node->page)
    node->page = core_alloc(&core->env, core_atom(core));
  if (node->level > 0 && !node->child)
    node->child = core_alloc(&core->env, child_bytes(core));
  if (!node->page || (node->level > 0 && !node->child))
    return core_error(&core->env, RDISK_ENOMEM, "no memory for a map page");
  if (ENTRY_SUM(entry) == 0)
    return 0;
  if (ENTRY_PLACE(entry) == 0)
    return core_error(&core->env, RDISK_EDAMAGED,
                      "map entry of page (level %u, number %u) names no place (D5)",
                      (uint64_t)node->level, node->index);
  code = read_page(core, node, entry);
  if (!code && node->level == 0 && core->units - node->index * core->map.leaf_units <
                                       core->map.leaf_units)
    code = check_leaf_end(core, node);
  return code;
}

int map_load_node(struct rdisk_core *core, struct node *node)
{
  int code;

  while (node->loading)
    core_wait(core, RDISK_CHANNEL_IO);
  if (node->loaded)
    return 0;
  node->loading = true;
  code = load(core, node);
  node->loading = false;
  if (!code) {
    node->loaded = true;
    if (node->level == 0)
      apply_replays(core, node);
  }
  core_wake(core, RDISK_CHANNEL_IO);
  return code;
}

/* ---- finding the way down ------------------------------------------------------------ */

static uint64_t span_of(const struct rdisk_core *core, unsigned level)
{
  uint64_t units = core->map.leaf_units;

  while (level-- > 0)
    units *= core->map.fan_out;
  return units;
}

static struct node **child_slot(struct rdisk_core *core, struct node *node, uint64_t unit)
{
  return &node->child[unit / span_of(core, node->level - 1) % core->map.fan_out];
}

struct node *map_leaf(struct rdisk_core *core, uint64_t unit)
{
  struct node *node = core->top;

  while (node && node->loaded && node->level > 0)
    node = *child_slot(core, node, unit);
  return node && node->loaded ? node : NULL;
}

uint64_t map_skip(struct rdisk_core *core, uint64_t unit)
{
  struct node *node = core->top;

  while (node && node->loaded && node->level > 0) {
    struct node *child = *child_slot(core, node, unit);

    if (!child || !child->loaded) {
      uint64_t span = span_of(core, node->level - 1);

      return (unit / span + 1) * span;
    }
    node = child;
  }
  return core->units;
}

/* One step down towards UNIT; NULL with *code 0: all zero there, and not wanted. */
static struct node *step(struct rdisk_core *core, struct node *node, uint64_t unit, bool make,
                         int *code)
{
  struct node **slot = child_slot(core, node, unit);
  uint64_t index = unit / span_of(core, node->level - 1);

  *code = 0;
  if (*slot)
    return *slot;
  if (!make && ENTRY_SUM(node->page[index % core->map.fan_out]) == 0)
    return NULL;
  *slot = node_new(core, node, node->level - 1, index);
  if (!*slot) {
    *code = core_error(&core->env, RDISK_ENOMEM, "no memory for a map page");
    return NULL;
  }
  (*slot)->rooted_place = ENTRY_PLACE(node->page[index % core->map.fan_out]);
  return *slot;
}

static int make_live(struct rdisk_core *core, struct node *leaf)
{
  leaf->live = core_alloc(&core->env, live_bytes(core));
  if (!leaf->live)
    return core_error(&core->env, RDISK_ENOMEM, "no memory for a map page");
  memcpy(leaf->live, leaf->page, core_atom(core)); /* CURRENT_BLOCK and MAPPED */
  return 0;
}

static int load_leaf(struct rdisk_core *core, uint64_t unit, enum map_mode mode, uint64_t *next)
{
  struct node *node = core->top;
  int code;

  for (;;) {
    code = map_load_node(core, node);
    if (code || node->level == 0)
      break;
    struct node *child = step(core, node, unit, mode == MAP_WRITE, &code);

    if (!child) {
      uint64_t span = span_of(core, node->level - 1);

      *next = (unit / span + 1) * span;
      return code;
    }
    node = child;
  }
  *next = (unit / core->map.leaf_units + 1) * core->map.leaf_units;
  return !code && mode != MAP_READ && !node->live ? make_live(core, node) : code;
}

int map_load(struct rdisk_core *core, uint64_t first, uint64_t last, enum map_mode mode)
{
  uint64_t unit = first;

  while (unit <= last) {
    int code = load_leaf(core, unit, mode, &unit);

    if (code)
      return code;
  }
  return 0;
}

void map_mark_dirty(struct rdisk_core *core, struct node *node)
{
  if (node->dirty)
    return;
  node->dirty = true;
  node->dirty_next = core->dirty[node->level];
  core->dirty[node->level] = node;
}

int map_load_dirty(struct rdisk_core *core)
{
  int code = 0;

  for (struct node *leaf = core->dirty[0]; leaf && !code; leaf = leaf->dirty_next)
    code = map_load_node(core, leaf);
  return code;
}

/* ---- the log's entries ------------------------------------------------------------------ */

static int replay_to(struct rdisk_core *core, uint64_t unit, const struct entry *entry)
{
  struct node *node = core->top;
  struct replay *replay;
  int code;

  while (node->level > 0) {
    code = map_load_node(core, node);
    if (code)
      return code;
    node = step(core, node, unit, true, &code);
    if (!node)
      return code;
  }
  replay = core_alloc(&core->env, sizeof *replay);
  if (!replay)
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory for the log's entries");
  replay->entry = *entry;
  *node->replay_end = replay;
  node->replay_end = &replay->next;
  map_mark_dirty(core, node);
  if (node->loaded)
    apply_replays(core, node);
  return 0;
}

/* A long run of zeroes would make each leaf it spans.  Those that are all zero
 * already and have no entry waiting are left out. */
static bool leaf_matters(struct rdisk_core *core, uint64_t unit, const struct entry *entry,
                         uint64_t *next, int *code)
{
  struct node *node = core->top;

  *next = (unit / core->map.leaf_units + 1) * core->map.leaf_units;
  *code = 0;
  if (entry->kind != ENTRY_ZERO)
    return true;
  while (node->level > 0) {
    *code = map_load_node(core, node);
    if (*code)
      return false;
    struct node *child = step(core, node, unit, false, code);

    if (!child) {
      uint64_t span = span_of(core, node->level - 1);

      *next = (unit / span + 1) * span;
      return false;
    }
    node = child;
  }
  return true;
}

int map_replay(struct rdisk_core *core, const struct entry *entry)
{
  uint64_t unit = entry->first, end = entry->first + entry->count;

  while (unit < end) {
    struct entry part = *entry;
    uint64_t next;
    int code;

    if (leaf_matters(core, unit, entry, &next, &code)) {
      part.first = unit;
      part.count = (next < end ? next : end) - unit;
      code = replay_to(core, unit, &part);
    }
    if (code)
      return code;
    unit = next;
  }
  core->replays++;
  return 0;
}
