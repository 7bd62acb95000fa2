/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk-core.h - librdisk's freestanding core, for those who bring their own
 * threads, memory and device: the hosted library, the simulator, servers on the
 * microkernel.  Needs a compiler and mem*; nothing else.
 *
 * The core is a monitor.  It makes no threads; the caller may enter it from as
 * many as it likes if it supplies lock, unlock, wait and wake, or from one (or
 * from coroutines) with the same four.  Calls block: they hold the lock only
 * while they touch the core's state, never over I/O or a copy of data.
 *
 * Somebody must call rdisk_core_background() after each kick, until it returns
 * false: it writes data behind, moves logged blocks home and writes roots.
 */
#ifndef RDISK_CORE_H
#define RDISK_CORE_H

#include "rdisk-io.h"
#include "rdisk.h"

/* What threads wait for inside the core. */
enum rdisk_channel {
  RDISK_CHANNEL_SPACE,  /* a write buffer or log space */
  RDISK_CHANNEL_COMMIT, /* the end of a commit, of a large request, of a root */
  RDISK_CHANNEL_IO,     /* the end of transfers under way */
  RDISK_CHANNELS
};

struct rdisk_env {
  void *opaque; /* first argument of each hook */

  /* BYTES of zeroed memory, aligned to 4096 if BYTES >= 4096, else to 16; NULL
   * if there is none. */
  void *(*alloc)(void *opaque, size_t bytes);
  void (*release)(void *opaque, void *memory, size_t bytes);

  void (*lock)(void *opaque);
  void (*unlock)(void *opaque);
  /* Give the lock up, sleep until the channel is woken (or earlier), take it again. */
  void (*wait)(void *opaque, enum rdisk_channel channel);
  void (*wake)(void *opaque, enum rdisk_channel channel); /* all sleepers; lock held */
  void (*kick)(void *opaque);                             /* background work is due; lock held */

  uint64_t (*time_s)(void *opaque); /* wall clock for stamps; may be NULL */
  rdisk_log_fn *log;                /* may be NULL; called with opaque */
  void (*error)(void *opaque, int code, const char *line); /* a failed call's line */
};

struct rdisk_core;

struct rdisk_core_format {
  uint64_t size_bytes;
  uint32_t layout;      /* enum rdisk_layout */
  uint32_t block_bytes; /* 512 .. 65536 */
  uint64_t log_bytes;   /* 0: by size */
  uint8_t store_id[16]; /* random, from the caller */
  const char *label;    /* NULL: none */
  bool keep_space;      /* preallocated: never discard */
};

/* Bytes the store needs; an EINVAL for a format that cannot be. */
int rdisk_core_store_bytes(const struct rdisk_env *env, const struct rdisk_core_format *format,
                           uint32_t unit_bytes, uint64_t *store_bytes);

/* Write a new, empty store: log and roots first, the superblock last, each
 * followed by a flush.  The map and data areas need not be zero. */
int rdisk_core_format(const struct rdisk_env *env, struct rdisk_io *io,
                      const struct rdisk_core_format *format);

struct rdisk_core_options {
  bool read_only;
  uint32_t inline_blocks; /* as rdisk_open_options */
  uint64_t buffer_bytes;  /* as rdisk_open_options; at least 4 units */
};

int rdisk_core_open(const struct rdisk_env *env, struct rdisk_io *io,
                    const struct rdisk_core_options *options, struct rdisk_core **core);
/* Nobody may be inside.  Writes a clean root unless the store has failed or is
 * read-only.  ABANDON: writes nothing at all. */
int rdisk_core_close(struct rdisk_core *core, bool abandon);

int rdisk_core_read(struct rdisk_core *core, void *buffer, size_t count, uint64_t offset);
int rdisk_core_write(struct rdisk_core *core, const void *buffer, size_t count,
                     uint64_t offset);
int rdisk_core_zero(struct rdisk_core *core, uint64_t count, uint64_t offset, uint32_t flags);
int rdisk_core_trim(struct rdisk_core *core, uint64_t count, uint64_t offset);
int rdisk_core_extents(struct rdisk_core *core, uint64_t count, uint64_t offset,
                       rdisk_extent_fn *extent, void *opaque);
int rdisk_core_drain(struct rdisk_core *core);
int rdisk_core_checkpoint(struct rdisk_core *core, uint64_t *sequence);
int rdisk_core_recover(struct rdisk_core *core);
int rdisk_core_list(struct rdisk_core *core, rdisk_checkpoint_fn *checkpoint, void *opaque);
void rdisk_core_info(struct rdisk_core *core, struct rdisk_info *info);
void rdisk_core_stats(struct rdisk_core *core, struct rdisk_stats *stats);

/* One round of background work; true: call again, false: wait for a kick. */
bool rdisk_core_background(struct rdisk_core *core);

/* To be called when nothing has happened for a while (a second, say): vouches for
 * the last checkpoint with an empty record, so that damage to it can no longer be
 * taken for a torn write (D5), and moves logged data home. */
void rdisk_core_idle(struct rdisk_core *core);

/* Check a store that nobody has open for writing; see rdisk_check(3). */
int rdisk_core_check(const struct rdisk_env *env, struct rdisk_io *io,
                     rdisk_report_fn *report, rdisk_progress_fn *progress, void *opaque);

#endif
