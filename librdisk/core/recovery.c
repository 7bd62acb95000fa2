/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening after whatever happened (rdisk-format(5), "Recovery", steps 9-12).
 *
 *   roots   the newest valid one; a bad twin is reported
 *   chain   records from there on, each with its own checksum, its predecessor's
 *           checksum and the next sequence number, to the end T
 *   beyond  a valid record with a sequence above T+1 means that T+1 was durable
 *           and is damaged now: refuse
 *   verify  T's data, if it is of class VERIFY and nothing vouches for it: data
 *           that did not reach the disk means that T never committed
 *
 * Entries take effect one record late, so that T can still be left out.  All
 * reads go past the host's caches: what only they hold is not on the disk.
 */
#include "core.h"

#include "checksum.h"

/* ---- superblock ---------------------------------------------------------------- */

static int read_superblock(const struct rdisk_env *env, struct rdisk_io *io, uint64_t offset,
                           unsigned char *page)
{
  struct rdisk_iovec iov = { page, FORMAT_SB_BYTES };
  struct rdisk_iocb iocb = { .op = RDISK_IO_READ, .flags = RDISK_IO_UNCACHED, .offset = offset,
                             .length = FORMAT_SB_BYTES, .iov = &iov, .iov_count = 1 };
  int code;

  if (io->size_bytes < offset + FORMAT_SB_BYTES)
    return core_error(env, RDISK_EFOREIGN,
                      "open: %u bytes are too few for a store: empty, cut short, or its "
                      "creation was not finished", io->size_bytes);
  code = io->ops->run(io, &iocb);
  return code ? core_error(env, code, "open: read of the superblock at offset %u failed", offset)
              : 0;
}

static int superblock_verdict(const struct rdisk_env *env, struct rdisk_io *io,
                              const struct superblock *sb, enum superblock_state state,
                              bool read_only)
{
  if (state == SB_FOREIGN)
    return core_error(env, RDISK_EFOREIGN, "open: this is not a store (no superblock): wrong "
                                           "file, or its creation was not finished");
  if (state == SB_DAMAGED)
    return core_error(env, RDISK_EDAMAGED, "open: the superblock at offset 0 and its twin at "
                                           "%u are damaged (D5)", (uint64_t)FORMAT_SECTION);
  if (state == SB_NEWER)
    return core_error(env, RDISK_EVERSION,
                      "open: the store has format version %u, layout %u, features %x; this "
                      "library knows version %u: use a newer rdisk",
                      (uint64_t)sb->version, (uint64_t)sb->layout, sb->feature_incompat,
                      (uint64_t)FORMAT_VERSION);
  if (sb->feature_ro != 0 && !read_only)
    return core_error(env, RDISK_EVERSION, "open: the store has features %x that this library "
                                           "can only read: open it read-only", sb->feature_ro);
  if (sb->atom_bytes < io->unit_bytes && !read_only)
    return core_error(env, RDISK_ENOTSUP,
                      "open: the device writes %u bytes as one, the store was made for %u (D9): "
                      "copy the store to a new one made on this device",
                      (uint64_t)io->unit_bytes, (uint64_t)sb->atom_bytes);
  if (io->size_bytes < sb->store_bytes)
    return core_error(env, RDISK_EDAMAGED,
                      "open: the store is cut short: %u bytes are there, %u belong to it (D5)",
                      io->size_bytes, sb->store_bytes);
  return 0;
}

static int read_copy(const struct rdisk_env *env, struct rdisk_io *io, uint64_t offset,
                     unsigned char *page, struct superblock *sb,
                     enum superblock_state *state)
{
  int code = read_superblock(env, io, offset, page);

  if (!code)
    *state = superblock_decode(sb, page);
  return code;
}

static void warn_of_copy(const struct rdisk_env *env, uint64_t bad, uint64_t good)
{
  core_log(env, RDISK_LOG_WARNING,
           "the superblock at offset %u is damaged (D5); the one at offset %u is used", bad, good);
}

int recovery_superblock(const struct rdisk_env *env, struct rdisk_io *io,
                        struct superblock *sb, bool read_only)
{
  unsigned char *page = core_alloc(env, FORMAT_SB_BYTES);
  enum superblock_state state = SB_FOREIGN, twin = SB_FOREIGN;
  struct superblock other;
  bool first_bad;
  int code;

  if (!page)
    return core_error(env, RDISK_ENOMEM, "open: no memory");
  code = read_copy(env, io, 0, page, sb, &state);
  if (code == RDISK_EIO && !read_copy(env, io, FORMAT_SECTION, page, &other, &twin) &&
      twin == SB_GOOD) {
    state = SB_DAMAGED; /* the twin will do */
    code = 0;
  } else if (!code && io->size_bytes >= FORMAT_SECTION + FORMAT_SB_BYTES)
    code = read_copy(env, io, FORMAT_SECTION, page, &other, &twin);
  core_release(env, page, FORMAT_SB_BYTES);
  first_bad = state == SB_DAMAGED || state == SB_FOREIGN;
  if (first_bad && twin == SB_GOOD) {
    *sb = other;
    state = SB_GOOD;
  }
  if (!code)
    code = superblock_verdict(env, io, sb, state, read_only);
  if (!code && first_bad)
    warn_of_copy(env, 0, FORMAT_SECTION);
  else if (!code && twin != SB_GOOD)
    warn_of_copy(env, FORMAT_SECTION, 0);
  return code;
}

/* ---- roots ------------------------------------------------------------------------ */

static int read_root(struct rdisk_core *core, unsigned slot, struct root *root, bool *valid)
{
  int code = device_read(core, core->pages, FORMAT_ROOT_BYTES, root_offset(slot),
                         RDISK_IO_UNCACHED);

  if (code)
    return core_error(&core->env, code, "open: read of root slot %u at offset %u failed",
                      (uint64_t)slot, root_offset(slot));
  *valid = root_decode(&core->sb, slot, root, core->pages);
  return 0;
}

int recovery_roots(struct rdisk_core *core)
{
  struct root roots[2];
  bool valid[2];
  unsigned newest;

  for (unsigned slot = 0; slot < 2; slot++) {
    int code = read_root(core, slot, &roots[slot], &valid[slot]);

    if (code)
      return code;
  }
  if (!valid[0] && !valid[1])
    return core_error(&core->env, RDISK_EDAMAGED,
                      "open: both roots (offsets %u and %u) are damaged (D5)", root_offset(0),
                      root_offset(1));
  newest = !valid[0] || (valid[1] && roots[1].generation > roots[0].generation);
  if (!valid[!newest])
    core_log(&core->env, RDISK_LOG_WARNING,
             "root slot %u at offset %u is not valid: torn by a crash, or damaged (D5); the "
             "other one is used", (uint64_t)!newest, root_offset(!newest));
  core->newest = roots[newest];
  core->older = valid[!newest] ? roots[!newest] : roots[newest];
  return 0;
}

/* ---- the window of the log that is in memory ----------------------------------------- */

struct walk {
  struct rdisk_core *core;
  unsigned char *window;
  uint64_t begin, end;      /* positions in the window */
  uint64_t window_atoms;
  struct record last;       /* newest of the chain, not yet applied */
  bool has_last;            /* its bytes are in core->record */
  uint64_t position;        /* behind it */
  bool torn;
  uint64_t torn_position;
  bool torn_follows; /* the torn one was written after T: so T was durable */
};

static int window_read(struct walk *w, uint64_t position, uint32_t atoms)
{
  struct rdisk_core *core = w->core;
  uint64_t lap_left = core->log_atoms - position % core->log_atoms;
  uint64_t count = w->window_atoms < lap_left ? w->window_atoms : lap_left;
  int code;

  if (position >= w->begin && (position + atoms <= w->end || position + lap_left <= w->end))
    return 0;
  code = device_read(core, w->window, (size_t)count * core->sb.atom_bytes,
                     log_offset(core, position), RDISK_IO_UNCACHED);
  if (code)
    return core_error(&core->env, code, "open: read of the log at offset %u failed",
                      log_offset(core, position));
  w->begin = position;
  w->end = position + count;
  return 0;
}

static int look_at(struct walk *w, uint64_t position, enum record_state *state,
                   struct record *record, unsigned char **bytes)
{
  int code = window_read(w, position, record_atoms_max(&w->core->sb));

  if (code)
    return code;
  *bytes = w->window + (size_t)(position - w->begin) * w->core->sb.atom_bytes;
  *state = record_decode(&w->core->sb, position, *bytes,
                         (size_t)(w->end - position) * w->core->sb.atom_bytes, record);
  return 0;
}

/* ---- applying a record ------------------------------------------------------------------ */

static void forget_logged(struct rdisk_core *core, const struct entry *entry)
{
  struct buf *next;

  if (entry->count < core->logged.count) {
    for (uint64_t unit = entry->first; unit < entry->first + entry->count; unit++)
      if ((next = pool_newest(core, unit)))
        buf_drop(core, next);
    return;
  }
  for (struct buf *buf = core->logged.first; buf; buf = next) {
    next = buf->next;
    if (buf->unit - entry->first < entry->count)
      buf_drop(core, buf);
  }
}

static int enter_inline(struct walk *w, const struct entry *entry, const unsigned char **data)
{
  struct rdisk_core *core = w->core;

  for (uint64_t unit = entry->first; unit < entry->first + entry->count; unit++) {
    struct buf *buf = pool_extra(core);

    if (!buf)
      return core_error(&core->env, RDISK_ENOMEM, "open: no memory for logged data");
    memcpy(buf->data, *data, core->sb.unit_bytes);
    *data += core->sb.unit_bytes;
    buf->unit = unit;
    buf->interval = w->last.checkpoint;
    buf->place = core_place(core, unit, entry->kind == ENTRY_INLINE_B);
    buf->state = BUF_LOGGED;
    buf_enter(core, buf, &core->logged);
  }
  return 0;
}

static int apply_last(struct walk *w)
{
  struct rdisk_core *core = w->core;
  const unsigned char *data = record_inline(&core->sb, &w->last, core->record);
  int code = 0;

  for (uint32_t i = 0; i < w->last.entries && !code; i++) {
    struct entry entry;

    record_get_entry(&core->sb, core->record, i, &entry);
    forget_logged(core, &entry);
    code = map_replay(core, &entry);
    if (!code && entry.kind >= ENTRY_INLINE_A)
      code = enter_inline(w, &entry, &data);
  }
  if (!code) {
    w->has_last = false;
    log_landed(core, &w->last);
    core->replays -= w->last.entries; /* map_replay has counted them */
    core->replayed++;
    if (core->epoch < w->last.epoch)
      core->epoch = w->last.epoch;
  }
  return code;
}

/* The checksum was right, but whoever made the bytes may not have been us. */
static bool entries_sound(struct rdisk_core *core, const struct record *record,
                          const unsigned char *bytes)
{
  uint64_t inlined = 0;

  for (uint32_t i = 0; i < record->entries; i++) {
    struct entry entry;

    if (!record_get_entry(&core->sb, bytes, i, &entry))
      return false;
    if (entry.kind >= ENTRY_INLINE_A) {
      if (entry.count > FORMAT_INLINE_ATOMS_MAX)
        return false;
      inlined += entry.count * (core->sb.unit_bytes / core->sb.atom_bytes);
    }
  }
  return inlined == record->inline_atoms;
}

/* ---- the chain ------------------------------------------------------------------------------ */

static int damaged_record(struct rdisk_core *core, uint64_t position, const char *what)
{
  return core_error(&core->env, RDISK_EDAMAGED,
                    "open: the log record at offset %u of the store %s (D5): nothing was changed",
                    log_offset(core, position), what);
}

static int accept_record(struct walk *w, const struct record *record, unsigned char *bytes)
{
  struct rdisk_core *core = w->core;
  int code = w->has_last ? apply_last(w) : 0;

  if (code)
    return code;
  if (record->previous != core->chain || record->epoch < core->epoch ||
      record->epoch >= FORMAT_COUNTER_MAX || record->checkpoint - core->checkpoint > 1)
    return damaged_record(core, record->position, "does not follow the one before it");
  if (!entries_sound(core, record, bytes))
    return damaged_record(core, record->position, "has entries that cannot be");
  memcpy(core->record, bytes, (size_t)record->atoms * core->sb.atom_bytes);
  record_unescape(&core->sb, record, core->record);
  w->last = *record;
  w->has_last = true;
  w->position = record->position + record->atoms;
  return 0;
}

/* Look for the record behind the chain's end: there, or at the next lap's start. */
static int next_record(struct walk *w, bool *found)
{
  struct rdisk_core *core = w->core;
  uint64_t here = w->position;
  uint64_t candidates[2] = { here, log_fit(core, here, record_atoms_max(&core->sb)) };
  uint64_t want = (w->has_last ? w->last.sequence : core->sequence) + 1;

  *found = false;
  for (unsigned i = 0; i < (candidates[1] == here ? 1u : 2u); i++) {
    struct record record;
    enum record_state state;
    unsigned char *bytes;
    int code = look_at(w, candidates[i], &state, &record, &bytes);

    if (code)
      return code;
    if (state == RECORD_TORN && record.sequence == want) {
      w->torn = true;
      w->torn_position = candidates[i];
      w->torn_follows = w->has_last && record.previous == w->last.sum;
    }
    if (state == RECORD_GOOD && record.sequence == want) {
      *found = true;
      w->torn = w->torn_follows = false;
      return accept_record(w, &record, bytes);
    }
  }
  return 0;
}

/* Step 11.  The record after T would be followed by another one only if it had
 * been durable. */
static int look_beyond(struct walk *w)
{
  struct rdisk_core *core = w->core;
  uint64_t end = w->position + 2 * record_atoms_max(&core->sb);
  uint64_t newest = w->has_last ? w->last.sequence : core->sequence;

  for (uint64_t position = w->position; position < end; position++) {
    struct record record;
    enum record_state state;
    unsigned char *bytes;
    int code = look_at(w, position, &state, &record, &bytes);

    if (code)
      return code;
    if (state == RECORD_GOOD && record.sequence > newest + 1)
      return damaged_record(core, w->position, "is damaged: one that follows it is there");
  }
  return 0;
}

/* ---- the newest record's data ----------------------------------------------------- */

static int sum_of_run(struct rdisk_core *core, const struct entry *entry, unsigned char *unit_data,
                      uint64_t *sum)
{
  *sum = 0;
  for (uint64_t i = 0; i < entry->count; i++) {
    uint64_t place = core_place(core, entry->first + i, entry->kind == ENTRY_B);
    int code = device_read(core, unit_data, core->sb.unit_bytes, place, RDISK_IO_UNCACHED);

    if (code)
      return core_error(&core->env, code, "open: read of the last checkpoint's data at offset "
                                          "%u failed", place);
    *sum = checksum_fold(*sum, checksum(unit_data, core->sb.unit_bytes, 0));
  }
  return 0;
}

static int verify_last(struct walk *w, bool *matches)
{
  struct rdisk_core *core = w->core;
  uint64_t units = 0;

  *matches = true;
  for (uint32_t i = 0; i < w->last.entries && *matches; i++) {
    struct entry entry;
    uint64_t sum;
    int code;

    record_get_entry(&core->sb, core->record, i, &entry);
    if (entry.kind != ENTRY_A && entry.kind != ENTRY_B)
      continue;
    units += entry.count;
    if (units * core->sb.unit_bytes > (UINT64_C(4) << 20) + core->sb.unit_bytes)
      return damaged_record(core, w->last.position, "lists more than a VERIFY record may");
    code = sum_of_run(core, &entry, w->window, &sum);
    if (code)
      return code;
    w->begin = w->end = 0; /* the window was used as a buffer */
    *matches = sum == entry.sum;
  }
  return 0;
}

/* The next record is written over what is left of this one (step 13). */
static void discard_record(struct walk *w, uint64_t position, const char *why)
{
  struct rdisk_core *core = w->core;

  core->discarded = 1;
  core->head = position;
  core_log(&core->env, RDISK_LOG_WARNING,
           "the last commit never ended, %s: the disk is as checkpoint %u left it", why,
           core->checkpoint);
}

static int settle_last(struct walk *w)
{
  struct rdisk_core *core = w->core;
  bool matches = true;
  int code = 0;

  if (w->has_last && w->last.class == RECORD_VERIFY && w->last.sequence > core->newest.vouched)
    code = verify_last(w, &matches);
  if (!code && !matches && w->torn_follows)
    code = damaged_record(core, w->last.position, "lists data that is damaged: the next commit "
                                                  "had begun");
  if (!code && w->has_last && matches)
    code = apply_last(w);
  if (code)
    return code;
  if (!matches)
    discard_record(w, w->last.position, "since its data did not reach the disk");
  else if (w->torn)
    discard_record(w, w->torn_position, "since its record is torn");
  return 0;
}

/* ---- the whole -------------------------------------------------------------------- */

static void start_at_root(struct walk *w)
{
  struct rdisk_core *core = w->core;

  core->epoch = core->newest.epoch;
  core->sequence = core->newest.sequence;
  core->chain = core->newest.chain;
  core->head = w->position = core->newest.position;
  core->checkpoint = core->newest.checkpoint;
  core->time_s = core->newest.time_s;
  core->vouched = true;
  w->last.sequence = core->newest.sequence;
}

static int walk(struct walk *w)
{
  struct rdisk_core *core = w->core;
  bool found = true;
  int code = 0;

  while (found && !code)
    code = next_record(w, &found);
  if (!code)
    code = look_beyond(w);
  if (!code)
    code = settle_last(w);
  if (!code && core->sequence < core->newest.vouched)
    return core_error(&core->env, RDISK_EDAMAGED,
                      "open: the log ends at record %u, but the root vouches for record %u "
                      "(D5): the log is damaged at offset %u of the store; nothing was changed",
                      core->sequence, core->newest.vouched, log_offset(core, w->position));
  core->was_clean = core->replayed == 0 && !core->discarded &&
                    (core->newest.flags & ROOT_CLEAN) != 0;
  return code;
}

int recovery_log(struct rdisk_core *core)
{
  struct walk w = { .core = core, .window_atoms = 2 * (uint64_t)record_atoms_max(&core->sb) };
  size_t bytes = (size_t)w.window_atoms * core->sb.atom_bytes;
  int code;

  if (bytes < core->sb.unit_bytes)
    bytes = core->sb.unit_bytes;
  w.window = core_alloc(&core->env, bytes);
  if (!w.window)
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory to read the log");
  start_at_root(&w);
  code = walk(&w);
  core_release(&core->env, w.window, bytes);
  return code;
}
