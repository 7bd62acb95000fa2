/* SPDX-License-Identifier: BSD-3-Clause */
/* core.h - the state of an open store, shared by the core's files.
 *
 * The way of a write: write.c copies it into buffers (pool.c) and accepts it
 * into the open interval, where map-ab.c chooses each unit's place; writeback.c
 * writes the buffers out; commit.c seals the interval, has a record of it
 * written (log.c) and flushes: that is the commit.  root.c now and then writes
 * the map itself, so that the log can be reused.  read.c finds the newest
 * version of each unit in the pool or through the map.  open.c puts it all
 * together again from what a crash has left.
 *
 * One lock (env.lock) guards everything here; functions take and return with it
 * held unless they say otherwise.  "May drop the lock" is said where it is so:
 * after such a call everything read before it must be looked at again.
 *
 * Rules D1-D9 are stated in rdisk-format(5); the code cites them by number.
 */
#ifndef RDISK_CORE_INTERNAL_H
#define RDISK_CORE_INTERNAL_H

#include <string.h>

#include "format.h"
#include "rdisk-core.h"

/* ---- small things --------------------------------------------------------- */

#define CORE_INVARIANT(condition) \
  do {                            \
    if (!(condition))             \
      __builtin_trap();           \
  } while (0)

#define PLACE_NONE UINT64_MAX

/* ---- buffers ----------------------------------------------------------------- */

/* One version of one unit, in memory.
 *
 *   HELD     accepted into the open interval while the sealed one holds this
 *            unit: has no place until that commit has landed
 *   DIRTY    accepted; its place is chosen but not written
 *   WRITTEN  at its place; kept because a VERIFY record will want its checksum
 *   LOGGED   committed with its data in the log; not at its place yet
 */
enum buf_state { BUF_FREE, BUF_HELD, BUF_DIRTY, BUF_WRITTEN, BUF_LOGGED };

struct buf {
  struct buf *hash_next;
  struct buf_list *list;
  struct buf *next, *prev; /* in list */
  struct buf *chain;       /* free list, batches under way */
  unsigned char *data;
  uint64_t unit;
  uint64_t interval; /* number of the interval it belongs to */
  uint64_t place;    /* byte offset in the store */
  uint64_t stamp;    /* when it was accepted, in acceptances */
  uint64_t sum;
  unsigned refs; /* readers that copy from it */
  enum buf_state state;
  bool in_flight;  /* a transfer of it is under way */
  bool superseded; /* a newer version exists: not for reading */
  bool dead;       /* only waits for in_flight or refs to end */
  bool extra;      /* not of the pool: made by recovery, freed when done */
};

struct buf_list {
  struct buf *first, *last;
  uint64_t count;
};

/* ---- intervals ----------------------------------------------------------------- */

struct interval {
  uint64_t number;        /* of the checkpoint that will commit it */
  struct buf_list dirty;  /* DIRTY, not in flight */
  struct buf_list held;   /* HELD */
  struct buf_list others; /* DIRTY in flight, WRITTEN */
  uint64_t unwritten;     /* bufs that are HELD or DIRTY */
  bool retain;            /* all of them are in the lists: it can be a VERIFY commit */
  unsigned in_progress;   /* large requests accepted but not finished (D3) */
  struct node *touched;   /* leaves with bits in its currently_written plane */
};

/* ---- the map --------------------------------------------------------------------- */

/* Planes of a leaf, a bit a unit.  The two of the committed state lie in the
 * page image as on the disk; the others exist once the leaf was written. */
enum plane {
  CURRENT_BLOCK,      /* newest version: 0 a, 1 b (the paper's CurrentBlock) */
  MAPPED,             /* newest version: has data; else it reads as zero */
  CURRENTLY_WRITTEN,  /* by the interval of even number (the paper's bitmap) */
  CURRENTLY_WRITTEN1, /* of odd number */
  DISCARD,            /* committed as zero; its places may be given back */
  KEEP,               /* zeroed by an interval that keeps the space */
  LIVE_PLANES
};

struct replay { /* an entry of the log for a leaf that is not in memory yet */
  struct replay *next;
  struct entry entry;
};

struct node {
  unsigned level;
  uint64_t index;
  struct node *parent;
  uint64_t *page;      /* the image: a leaf's two committed planes, or entries */
  struct node **child; /* level > 0 */
  bool loaded, loading, dirty;
  unsigned rooted_place;   /* of the image in the newest root; 0: none */
  struct node *dirty_next; /* core->dirty[level] */
  struct node *root_next;  /* written by the root under way */
  /* leaves: */
  uint64_t *live; /* LIVE_PLANES planes, or NULL */
  struct node *touched_next[2];
  bool touched[2];
  bool has_discards;
  struct node *discard_next;
  struct replay *replay, **replay_end;
};

/* ---- transfers ------------------------------------------------------------------- */

struct transfer {
  struct rdisk_iocb iocb;
  struct rdisk_iovec *iov; /* lane->iov_max of them */
  struct buf *bufs;        /* chained */
  struct node *node;       /* a map page instead */
  struct transfer *next;
};

struct lane { /* a queue of the device, used by one thread at a time */
  struct rdisk_ioq *queue;
  struct transfer *transfers, *free;
  struct rdisk_iovec *iovs;
  struct rdisk_iocb **batch;
  unsigned depth, iov_max, busy;
  int page_error; /* of the map pages it wrote for a root: RDISK_ENOSPC or 0 */
};

struct reader { /* a read of places under way (D4: "no I/O on it is pending") */
  struct reader *next;
  uint64_t first, last, stamp;
};

struct space_waiter {
  struct space_waiter *next;
  uint64_t count;
};

/* ---- the store --------------------------------------------------------------------- */

enum { STAMP_SLOTS = 256, LANE_DEPTH = 64 };

struct rdisk_core {
  struct rdisk_env env;
  struct rdisk_io *io;
  struct superblock sb;
  struct map_geometry map;
  uint64_t units;
  bool read_only;
  int failed; /* D8: the code all writers get from now on; 0: sound */

  /* buffers */
  struct buf *bufs;
  unsigned char *arena;
  uint64_t buf_count, free_count;
  struct buf *free_bufs;
  struct buf **hash;
  uint64_t hash_size; /* a power of two */
  struct space_waiter *space_first, **space_last;
  bool releasing; /* many buffers at once: wake who waits for them at the end */
  bool no_space; /* the device had no room for a write: tell, retry, lose nothing */
  uint64_t landings; /* buffers written so far */
  uint64_t stamp;
  uint64_t unit_stamp[STAMP_SLOTS]; /* newest acceptance, by unit mod slots */
  uint64_t chunk_units;             /* a request up to this is accepted in one piece */
  uint64_t retain_units;            /* D5: VERIFY covers up to so many */
  uint64_t inline_units;
  uint64_t write_behind_units;
  struct buf_list logged;     /* LOGGED, newest version known */
  struct buf_list logged_old; /* LOGGED, superseded by a version not yet committed */
  struct reader *readers;

  /* intervals */
  struct interval intervals[2]; /* by number mod 2 */
  struct interval *open;
  struct interval *sealed; /* sealed, not committed; NULL: none */
  bool committing, seal_waits;
  bool drain_wanted, flushing;
  bool blocked; /* some buffer could not be written yet: kick when that may have changed */

  /* map */
  struct node *top;
  struct node *dirty[FORMAT_LEVELS_MAX];
  struct node *discards; /* leaves with DISCARD bits */
  uint64_t discarding_first, discarding_count;
  uint64_t replays; /* entries logged since the newest root */
  uint64_t inlined; /* units logged with their data since then */

  /* log and roots */
  uint64_t epoch;
  uint64_t sequence;  /* D: newest durable record */
  uint64_t chain;     /* its checksum */
  uint64_t head;      /* log position after it, atoms since creation */
  bool vouched;       /* a later record or root vouches for it */
  uint64_t checkpoint, time_s; /* the newest durable checkpoint */
  struct root newest, older;   /* the roots in the two slots */
  uint64_t log_atoms;
  uint64_t log_waiting; /* atoms that a committer waits for; 0: nobody waits */
  bool rooting;
  int root_error; /* of the last attempt, RDISK_ENOSPC or 0 */
  unsigned char *record; /* record_atoms_max: the committer's */
  unsigned char *pages;  /* LANE_DEPTH atoms: the root's images */

  struct lane background, commit;

  /* how it was opened */
  bool was_clean;
  uint64_t replayed, discarded;
  struct rdisk_stats stats;
};

static inline uint64_t core_place(const struct rdisk_core *core, uint64_t unit, unsigned which)
{
  return superblock_place(&core->sb, unit, which);
}

/* error.c: report and return code. */
int core_error(const struct rdisk_env *env, int code, const char *format, ...);
void core_log(const struct rdisk_env *env, enum rdisk_log_level level, const char *format, ...);
/* D8: from now on nothing is committed. */
void core_fail(struct rdisk_core *core, int code, const char *what, uint64_t offset);
int core_writable(struct rdisk_core *core, const char *operation); /* 0, EROFS, EFAILED */
int core_range(struct rdisk_core *core, const char *operation, uint64_t count, uint64_t offset);

static inline void core_lock(struct rdisk_core *core)
{
  core->env.lock(core->env.opaque);
}
static inline void core_unlock(struct rdisk_core *core)
{
  core->env.unlock(core->env.opaque);
}
static inline void core_wait(struct rdisk_core *core, enum rdisk_channel channel)
{
  core->env.wait(core->env.opaque, channel);
}
static inline void core_wake(struct rdisk_core *core, enum rdisk_channel channel)
{
  core->env.wake(core->env.opaque, channel);
}
static inline void core_kick(struct rdisk_core *core)
{
  core->env.kick(core->env.opaque);
}
static inline void *core_alloc(const struct rdisk_env *env, size_t bytes)
{
  return env->alloc(env->opaque, bytes);
}
static inline void core_release(const struct rdisk_env *env, void *memory, size_t bytes)
{
  if (memory)
    env->release(env->opaque, memory, bytes);
}

/* device.c: one transfer at a time, lock not held; counts. */
int device_read(struct rdisk_core *core, void *buffer, size_t bytes, uint64_t offset,
                uint32_t flags);
int device_write(struct rdisk_core *core, const void *buffer, size_t bytes, uint64_t offset);
/* With the lock held, which it drops: flush OF what (for the message); EFAILED. */
int device_flush(struct rdisk_core *core, const char *of);
int device_simple(struct rdisk_core *core, enum rdisk_io_op op, uint64_t offset,
                  uint64_t length);
uint32_t core_atom(const struct rdisk_core *core);

/* pool.c */
int pool_create(struct rdisk_core *core, uint64_t buffer_bytes);
void pool_destroy(struct rdisk_core *core);
/* Take COUNT buffers, chained; may drop the lock.  EFAILED, ENOSPC. */
int pool_take(struct rdisk_core *core, uint64_t count, struct buf **chain);
struct buf *pool_extra(struct rdisk_core *core); /* one more than the pool has; NULL: no memory */
void pool_give(struct rdisk_core *core, struct buf *chain); /* unused ones back */
void pool_wake(struct rdisk_core *core); /* if buffers are free for who waits */
struct buf *pool_newest(struct rdisk_core *core, uint64_t unit);
struct buf *pool_find(struct rdisk_core *core, uint64_t unit, uint64_t interval);
bool pool_unit_in_flight(struct rdisk_core *core, uint64_t unit);
void buf_enter(struct rdisk_core *core, struct buf *buf, struct buf_list *list);
void buf_move(struct buf *buf, struct buf_list *list); /* to its end */
void buf_drop(struct rdisk_core *core, struct buf *buf);
void buf_unref(struct rdisk_core *core, struct buf *buf);
struct interval *buf_interval(struct rdisk_core *core, const struct buf *buf);
/* A newer version of the unit is being accepted: older ones are not for reading. */
void pool_supersede(struct rdisk_core *core, uint64_t unit);
void pool_supersede_range(struct rdisk_core *core, uint64_t first, uint64_t count);
/* Give up the retained buffers of the open interval: its commit will be SYNCED. */
void interval_unretain(struct rdisk_core *core, struct interval *interval);

/* map.c: the tree of pages */
int map_create(struct rdisk_core *core, uint64_t top_entry);
void map_destroy(struct rdisk_core *core);
/* Have the leaves of units FIRST..LAST in memory; may drop the lock.  EIO,
 * EDAMAGED, ENOMEM. */
enum map_mode {
  MAP_READ, /* leaves that are all zero are left out */
  MAP_ZERO, /* the same; with live planes */
  MAP_WRITE /* all of them, with live planes */
};
int map_load(struct rdisk_core *core, uint64_t first, uint64_t last, enum map_mode mode);
/* The leaf of a unit: in memory, else NULL (all of it is zero, if map_load was
 * called for reading and skipped it). */
struct node *map_leaf(struct rdisk_core *core, uint64_t unit);
/* The first unit behind UNIT that may be mapped, given that map_leaf was NULL. */
uint64_t map_skip(struct rdisk_core *core, uint64_t unit);
void map_mark_dirty(struct rdisk_core *core, struct node *node);
int map_load_dirty(struct rdisk_core *core); /* what the log has entries for */
int map_replay(struct rdisk_core *core, const struct entry *entry);
int map_load_node(struct rdisk_core *core, struct node *node);
uint64_t map_words(const struct rdisk_core *core);
uint64_t *map_plane(const struct rdisk_core *core, struct node *leaf, enum plane plane);

/* map-ab.c: the paper's layout */
bool ab_locate(struct rdisk_core *core, uint64_t unit, uint64_t *place);
/* How many units from UNIT on, below LIMIT, lie one behind the other from *PLACE on,
 * or are zero (PLACE_NONE). */
uint64_t ab_locate_run(struct rdisk_core *core, uint64_t unit, uint64_t limit, uint64_t *place);
bool ab_sealed(struct rdisk_core *core, uint64_t unit);
bool ab_written(struct rdisk_core *core, const struct interval *interval, uint64_t unit);
uint64_t ab_write(struct rdisk_core *core, uint64_t unit); /* returns the place */
uint64_t ab_next_place(struct rdisk_core *core, uint64_t unit); /* what ab_write would choose */
void ab_zero(struct rdisk_core *core, uint64_t first, uint64_t count, bool keep_space);
bool ab_sealed_range(struct rdisk_core *core, uint64_t first, uint64_t count);
typedef int ab_gather_fn(void *opaque, const struct entry *entry);
int ab_gather(struct rdisk_core *core, struct interval *interval, ab_gather_fn *gather,
              void *opaque);
/* Where a unit of the sealed interval will live if its data goes through the log;
 * make it so, once the record is durable and before ab_commit. */
bool ab_home_at_b(struct rdisk_core *core, uint64_t unit);
uint64_t ab_go_home(struct rdisk_core *core, uint64_t unit);
/* Its changes into the committed planes, ahead of a root that commits it. */
void ab_merge(struct rdisk_core *core, const struct interval *interval);
void ab_commit(struct rdisk_core *core, struct interval *interval);
void ab_revert(struct rdisk_core *core, struct interval *interval);
void ab_apply(struct rdisk_core *core, struct node *leaf, const struct entry *entry);
/* A run of units with the same state: false zero, true data. */
bool ab_run(struct rdisk_core *core, uint64_t unit, uint64_t limit, uint64_t *length);

/* lane.c */
int lane_create(struct rdisk_core *core, struct lane *lane);
void lane_destroy(struct rdisk_core *core, struct lane *lane);
struct transfer *lane_get(struct lane *lane);
/* Submit COUNT transfers of lane->batch; wait until at least MIN of those busy
 * are done and handle them.  Drops the lock. */
void lane_run(struct rdisk_core *core, struct lane *lane, unsigned count, unsigned min);

/* writeback.c */
void writeback_done(struct rdisk_core *core, struct transfer *transfer);
/* Write what can be written of a list; one round; may drop the lock.  False:
 * nothing of it could be started and nothing is under way on the lane. */
bool writeback_round(struct rdisk_core *core, struct lane *lane, struct buf_list *list);
/* Something that kept buffers from being written has ended. */
void writeback_unblock(struct rdisk_core *core);
/* All of the interval's data at its places.  ENOSPC, EFAILED. */
int writeback_interval(struct rdisk_core *core, struct interval *interval);

/* log.c */
struct log_build {
  struct rdisk_core *core;
  const struct interval *interval;
  bool inlined, verify;
  uint64_t entries, entries_max;
  uint64_t atoms_inline;
  struct entry last; /* being extended */
  bool overflow;
};
/* Build interval's record in core->record.  False: it does not fit. */
bool log_build(struct rdisk_core *core, struct interval *interval, bool inlined, bool verify,
               struct record *record);
bool log_has_room(const struct rdisk_core *core, uint32_t atoms);
/* Wait for room for ATOMS.  ENOSPC if the roots cannot be written for want of space. */
int log_reserve(struct rdisk_core *core, uint32_t atoms);
/* Write core->record and flush.  Drops the lock. */
int log_append(struct rdisk_core *core, struct record *record);
void log_landed(struct rdisk_core *core, const struct record *record);
uint64_t log_offset(const struct rdisk_core *core, uint64_t position);
uint64_t log_fit(const struct rdisk_core *core, uint64_t position, uint32_t atoms);
int log_write_empty(struct rdisk_core *core); /* a record without entries, and flush */

/* background.c */
bool write_behind_due(const struct rdisk_core *core);

/* commit.c */
int commit_one(struct rdisk_core *core);

/* root.c */
bool root_due(const struct rdisk_core *core);
/* With INTERVAL, which has been merged: the root is its commit. */
int root_write(struct rdisk_core *core, struct lane *lane, uint32_t flags,
               const struct interval *interval);
bool home_due(const struct rdisk_core *core);
/* Move logged data home; one round.  As writeback_round. */
bool home_round(struct rdisk_core *core, struct lane *lane);

/* discard.c */
bool discard_round(struct rdisk_core *core);

/* recovery.c */
int recovery_superblock(const struct rdisk_env *env, struct rdisk_io *io,
                        struct superblock *sb, bool read_only);
int recovery_roots(struct rdisk_core *core);
int recovery_log(struct rdisk_core *core);

#endif
