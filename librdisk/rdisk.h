/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk.h - the recoverable disk: a logical disk that can always be set back
 * to its last checkpoint, whatever crashed.  See librdisk(3).
 *
 * Source: Skoglund, Ceelen, Liedtke, "Transparent Orthogonal Checkpointing
 * Through User-Level Pagers", sections 5 and 6.2; the one-flush commit and the
 * rules D1-D9 are described in rdisk-format(5).
 *
 * Shapes and units.  Offsets and lengths are bytes, any alignment; inside, the
 * disk is kept in copy units (see rdisk_info.unit_bytes), and a request that
 * covers a part of one reads the rest first.  Times are Unix seconds.
 *
 * Errors.  A call returns 0 (or a count where it says so) or one of the
 * negative RDISK_E... codes; rdisk_last_error() holds a line about the last
 * failure in the calling thread: operation, object, offset and what to do.
 *
 * Threads.  Every call on an open store may be made from any thread at any
 * time, except rdisk_close, which must be the last.  Requests on different
 * blocks run in parallel.  A handle does not survive fork: in the child each
 * call returns RDISK_EFORK.
 *
 * Structs of options, information and figures begin with struct_bytes, which
 * the caller sets to sizeof the struct (the RDISK_..._INIT macros do): an older
 * program works with a newer library and the other way round.
 */
#ifndef RDISK_H
#define RDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RDISK_VERSION_MAJOR 0
#define RDISK_VERSION_MINOR 1

/* Error codes.  Values are part of the ABI: append only. */
enum rdisk_error {
  RDISK_OK = 0,
  RDISK_EINVAL = -1,    /* an argument is wrong */
  RDISK_ENOMEM = -2,    /* no memory */
  RDISK_EIO = -3,       /* the device failed */
  RDISK_ENOSPC = -4,    /* no room; nothing was lost, free some and try again */
  RDISK_EBUSY = -5,     /* the store is in use */
  RDISK_EROFS = -6,     /* the store is open read-only */
  RDISK_EDAMAGED = -7,  /* the store is damaged (rule D5): never healed in silence */
  RDISK_EFOREIGN = -8,  /* this is not a store */
  RDISK_EVERSION = -9,  /* a store of a newer version, or with unknown features */
  RDISK_EFAILED = -10,  /* an earlier I/O error: no commits until reopened (D8) */
  RDISK_ERANGE = -11,   /* beyond the end of the disk */
  RDISK_ENOTSUP = -12,  /* this store or backend cannot do that */
  RDISK_EFORK = -13,    /* the handle belongs to the parent process */
  RDISK_ENOENT = -14,   /* no such file, volume or checkpoint */
  RDISK_EEXIST = -15,   /* it exists already */
  RDISK_EPERM = -16,    /* not permitted */
  RDISK_ETIMEDOUT = -17 /* the peer did not answer in time */
};

/* Layouts (how versions of a block are placed). */
enum rdisk_layout {
  RDISK_LAYOUT_AB = 1 /* two places for each block: the paper's */
};

/* Levels of the log hook. */
enum rdisk_log_level {
  RDISK_LOG_ERROR = 0,
  RDISK_LOG_WARNING = 1,
  RDISK_LOG_INFO = 2,
  RDISK_LOG_DEBUG = 3
};

struct rdisk; /* an open store */

/* A line for the log, without a newline.  Called from any thread; must not
 * call back into the store. */
typedef void rdisk_log_fn(void *opaque, enum rdisk_log_level level, const char *line);

/* Progress of a long call: done of total units (bytes where the call moves
 * bytes).  Return nonzero to stop the call; it then returns RDISK_ETIMEDOUT
 * and leaves things as if it had not begun. */
typedef int rdisk_progress_fn(void *opaque, const char *operation, uint64_t done,
                              uint64_t total);

/* ---- making a store ---------------------------------------------------- */

enum {
  RDISK_CREATE_PREALLOCATE = 1u << 0, /* write the whole file out, keep it so */
  RDISK_CREATE_FORCE = 1u << 1        /* overwrite an existing file, store or device */
};

struct rdisk_create_options {
  size_t struct_bytes;
  uint32_t flags;       /* RDISK_CREATE_... */
  uint32_t layout;      /* enum rdisk_layout; 0: the default */
  uint32_t block_bytes; /* 512 to 65536, a power of two; 0: 4096 */
  uint32_t reserved;    /* 0 */
  uint64_t log_bytes;   /* size of the commit log; 0: by the size of the disk */
  const char *label;    /* up to 63 bytes of UTF-8 for people; NULL: none */
  rdisk_progress_fn *progress;
  rdisk_log_fn *log;
  void *opaque; /* for the two hooks */
};
#define RDISK_CREATE_OPTIONS_INIT { .struct_bytes = sizeof(struct rdisk_create_options) }

/* Make a store at PATH (a new regular file, or a block device with
 * RDISK_CREATE_FORCE) that holds a disk of SIZE_BYTES, all zero, a multiple of
 * the block size.  Atomic: the superblock is written last; a regular file gets
 * its name only when it is complete.  On a device the size of the disk is
 * limited by the device: ab needs twice the size and a little more.
 * EINVAL, EEXIST, ENOSPC, EPERM, EIO, EBUSY. */
int rdisk_create(const char *path, uint64_t size_bytes,
                 const struct rdisk_create_options *options);

/* ---- opening ----------------------------------------------------------- */

enum {
  RDISK_OPEN_READ_ONLY = 1u << 0, /* several read-only opens may share a store */
  RDISK_OPEN_NO_URING = 1u << 1,  /* plain pread and pwrite */
  RDISK_OPEN_BUFFERED = 1u << 2   /* no direct I/O (for tests; slower) */
};

struct rdisk_open_options {
  size_t struct_bytes;
  uint32_t flags;         /* RDISK_OPEN_... */
  uint32_t inline_blocks; /* commits of up to so many blocks carry their data in
                             the log (0: default; UINT32_MAX: none) */
  uint64_t buffer_bytes;  /* memory for writes not yet on the device; 0: 16 MiB */
  rdisk_progress_fn *progress;
  rdisk_log_fn *log;
  void *opaque; /* for the two hooks */
};
#define RDISK_OPEN_OPTIONS_INIT { .struct_bytes = sizeof(struct rdisk_open_options) }

/* Open the store at PATH and recover it: the disk is exactly as its last
 * committed checkpoint left it (D1).  A store open for writing is refused to
 * everyone else with EBUSY.
 * ENOENT, EPERM, EBUSY, EFOREIGN, EVERSION, EDAMAGED, EIO, ENOMEM. */
int rdisk_open(const char *path, const struct rdisk_open_options *options,
               struct rdisk **store);

/* Close.  Makes no checkpoint: what was not checkpointed is gone at the next
 * open.  The handle is gone whatever is returned; a failure means only that
 * the next open takes the longer way. */
int rdisk_close(struct rdisk *store);

/* ---- reading and writing ------------------------------------------------ */

enum {
  RDISK_FUA = 1u << 0,       /* checkpoint before returning */
  RDISK_NO_HOLE = 1u << 1,   /* rdisk_zero: keep the space allocated on the host */
  RDISK_FAST_ZERO = 1u << 2  /* rdisk_zero: ENOTSUP at once unless faster than a write */
};

/* Read COUNT bytes at OFFSET.  Sees every write accepted before it began.
 * ERANGE, EIO, EDAMAGED. */
int rdisk_read(struct rdisk *store, void *buffer, size_t count, uint64_t offset);

/* Write COUNT bytes at OFFSET: wholly in one interval, of any length (D3).
 * On return the store owns a copy; it is durable when a checkpoint made
 * after that has returned.  ERANGE, EROFS, ENOSPC, EFAILED, EIO, ENOMEM. */
int rdisk_write(struct rdisk *store, const void *buffer, size_t count, uint64_t offset,
                uint32_t flags);

/* Make COUNT bytes at OFFSET read as zero, and give their space back unless
 * RDISK_NO_HOLE.  Atomic as rdisk_write. */
int rdisk_zero(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags);

/* The bytes are no longer needed: whole copy units read as zero afterwards and
 * give their space back once a checkpoint has made that permanent; parts of
 * units keep their contents. */
int rdisk_trim(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags);

/* Extents of the disk as it is now, ascending and without gaps, each cut to
 * the range asked for.  Stops when the callback returns nonzero, and returns that. */
typedef int rdisk_extent_fn(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero);
int rdisk_extents(struct rdisk *store, uint64_t count, uint64_t offset,
                  rdisk_extent_fn *extent, void *opaque);

/* Wait until every write accepted so far has reached the device's cache (not a
 * checkpoint: a crash still goes back to the last one); tells of a failure. */
int rdisk_drain(struct rdisk *store);

/* ---- checkpoints --------------------------------------------------------- */

/* Seal the interval and commit it: when this returns 0, every request accepted
 * before the call is never lost again (D2).  Calls that arrive together share
 * one commit.  SEQUENCE, if not NULL, gets the number of a checkpoint that holds
 * them.  EFAILED, EIO, ENOSPC (retry after making room), EROFS. */
int rdisk_checkpoint(struct rdisk *store, uint64_t *sequence);

/* Set the whole disk back to the last checkpoint: undoes every write after it.
 * Requests under way are waited for and undone too. */
int rdisk_recover(struct rdisk *store);

struct rdisk_checkpoint_info {
  size_t struct_bytes;
  uint64_t sequence;  /* its number; ascending */
  uint64_t time_s;    /* when it was committed; 0: unknown */
  const char *name;   /* NULL: has none */
};

/* The checkpoints that the store can be set back to, oldest first.  Stops when
 * the callback returns nonzero, and returns that. */
typedef int rdisk_checkpoint_fn(void *opaque, const struct rdisk_checkpoint_info *info);
int rdisk_list(struct rdisk *store, rdisk_checkpoint_fn *checkpoint, void *opaque);

/* ---- asynchronous calls --------------------------------------------------- */

/* Each starts what its namesake does and returns 0 at once, or a negative code
 * and will not call back.  COMPLETE is called exactly once, from another
 * thread, with the result; it may start further calls but not block.  Buffers
 * must stay until then.  rdisk_close waits for calls under way. */
typedef void rdisk_complete_fn(void *opaque, int result);
int rdisk_aio_read(struct rdisk *store, void *buffer, size_t count, uint64_t offset,
                   rdisk_complete_fn *complete, void *opaque);
int rdisk_aio_write(struct rdisk *store, const void *buffer, size_t count, uint64_t offset,
                    uint32_t flags, rdisk_complete_fn *complete, void *opaque);
int rdisk_aio_zero(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags,
                   rdisk_complete_fn *complete, void *opaque);
int rdisk_aio_trim(struct rdisk *store, uint64_t count, uint64_t offset, uint32_t flags,
                   rdisk_complete_fn *complete, void *opaque);
int rdisk_aio_checkpoint(struct rdisk *store, rdisk_complete_fn *complete, void *opaque);

/* ---- looking at it ---------------------------------------------------------- */

struct rdisk_info {
  size_t struct_bytes;
  uint8_t store_id[16];
  char label[64];
  uint32_t format_version;
  uint32_t layout;          /* enum rdisk_layout */
  uint32_t block_bytes;     /* the logical block: what an export advertises */
  uint32_t unit_bytes;      /* the copy unit, at least the device's atomic unit (D9) */
  uint64_t size_bytes;      /* of the disk */
  uint64_t store_bytes;     /* of the file or device, as the format uses it */
  uint64_t log_bytes;
  uint64_t allocated_bytes; /* what the host says the file takes; 0: unknown */
  uint64_t sequence;        /* of the last committed checkpoint */
  uint64_t time_s;          /* its time */
  uint64_t created_s;
  uint64_t epoch;           /* read-write opens so far */
  uint32_t clean;           /* 1: it had been closed properly before this open */
  uint32_t read_only;
  uint64_t replayed;        /* log records applied at this open */
  uint64_t discarded;       /* torn records discarded at this open (D5): 0 or 1 */
  const char *backend;      /* "io_uring", "pread/pwrite", ... */
};
#define RDISK_INFO_INIT { .struct_bytes = sizeof(struct rdisk_info) }
int rdisk_get_info(struct rdisk *store, struct rdisk_info *info);

struct rdisk_stats {
  size_t struct_bytes;
  uint64_t reads, read_bytes;          /* requests by the store's users */
  uint64_t writes, write_bytes;
  uint64_t zeroes, zero_bytes;         /* zero and trim */
  uint64_t checkpoints;                /* commits made */
  uint64_t checkpoint_calls;           /* calls answered; more than commits when grouped */
  uint64_t commits_inline;             /* whose data went through the log */
  uint64_t commits_synced;             /* that took a data flush of their own */
  uint64_t commits_root;               /* by a root: more entries than a record holds */
  uint64_t roots;                      /* roots written */
  uint64_t device_flushes;
  uint64_t device_writes, device_write_bytes; /* all writes to the device */
  uint64_t data_bytes;                 /* of them: data to their places */
  uint64_t log_write_bytes;            /* of them: log records */
  uint64_t map_bytes;                  /* of them: map and roots */
  uint64_t discards, discard_bytes;
  uint64_t dirty_blocks;               /* now, in the open interval */
  uint64_t buffered_bytes;             /* now, in memory */
  uint64_t log_used_bytes;             /* now */
  uint64_t inline_pending;             /* blocks now in the log that have not moved home */
  uint64_t writer_waits;               /* writers that waited for memory or a commit */
};
#define RDISK_STATS_INIT { .struct_bytes = sizeof(struct rdisk_stats) }
int rdisk_get_stats(struct rdisk *store, struct rdisk_stats *stats);

/* Check the store at PATH, read-only: every map page, root and log record by
 * its checksum and the rules D1-D9.  Each finding is one call of REPORT: RULE
 * names it ("D5", ...).  Returns 0: sound; EDAMAGED: findings were reported. */
typedef void rdisk_report_fn(void *opaque, enum rdisk_log_level level, const char *rule,
                             const char *line);
int rdisk_check(const char *path, rdisk_report_fn *report, rdisk_progress_fn *progress,
                void *opaque);

const char *rdisk_strerror(int code); /* a phrase; never NULL */
const char *rdisk_last_error(void);   /* the calling thread's last failure; never NULL */
int rdisk_to_errno(int code);         /* the nearest errno value, positive */
const char *rdisk_version(void);

#ifdef __cplusplus
}
#endif
#endif
