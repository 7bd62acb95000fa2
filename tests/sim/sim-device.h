/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-device.h - the simulated device under the core.
 *
 * What it holds:
 *   durable   what a power cut leaves, before the unflushed writes are dealt out;
 *   current   that with every completed write: what the device answers;
 *   pending   the writes and discards that no flush has covered yet, in the order
 *             they were submitted, the ones under way among them;
 *   stale     units that a failed flush dropped from the device while the host's
 *             cache still shows them: only reads without RDISK_IO_UNCACHED do.
 *
 * A flush makes durable exactly what completed before it began.  A power cut
 * deals each unit with pending writes one of: the durable contents, any pending
 * version, a mix of them by 512-byte sectors, or garbage (D9).  A kill leaves
 * completed writes pending: what a process saw may still be lost later.
 *
 * It also watches the contract of rdisk-io.h: ranges, alignment, no transfer
 * waited for under the core's lock, no two writes to a place under way at once,
 * and none to a place that is being read (D4).
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "rdisk-io.h"
#include "sim.h"

enum { SIM_SECTOR = 512, SIM_TRANSFERS = 512, SIM_VERSIONS = 64, SIM_SMALL = 32 << 20 };

/* Once in so many transfers; 0: never. */
struct sim_device_errors {
  uint32_t read, write, flush, discard, reserve;
};

/* Faults that the simulator must see: a device that does not keep the contract. */
struct sim_device_lies {
  bool flush;        /* a flush does nothing */
  bool drop;         /* a flush forgets one write now and then */
  bool early;        /* a transfer is reported done before it was begun */
  bool uncached;     /* RDISK_IO_UNCACHED answers from the host's cache */
  bool unit;         /* a cut shreds two neighbouring units at once */
  bool misplaced;    /* a write lands a unit too far now and then */
};

struct sim_device_config {
  uint64_t size_bytes;
  uint32_t unit_bytes; /* the atomic unit that it reports */
  bool discards, reserves;
  uint64_t space_units; /* thin: units that may come into being; UINT64_MAX: all */
  struct sim_device_errors errors;
  struct sim_device_lies lies;
};

struct sim_write {
  struct sim_write *next;
  uint64_t offset, length;
  uint64_t done_at; /* tick; 0: under way */
  struct rdisk_iocb *iocb;
  unsigned char data[];
};

struct sim_transfer {
  struct rdisk_iocb *iocb;
  struct rdisk_ioq *queue; /* NULL: run */
  struct sim_write *write;
  uint64_t began;
  bool late; /* a write that takes what its buffer holds at its end */
};

struct sim_device {
  struct rdisk_io io; /* first: what the core sees */
  struct sim *sim;
  struct sim_device_config config;
  uint64_t units;
  unsigned char *durable, *current, *stale_data;
  bool *stale;     /* by unit */
  bool *exists;    /* by unit: has taken space of a thin device */
  bool *touched;   /* by unit: changed since sim_device_remember */
  bool *unsynced;  /* by unit: changed since sim_device_sync from it */
  uint64_t *written_at; /* by unit: tick of its last write */
  struct sim_write *pending, **pending_end;
  struct rdisk_ioq *queues;
  struct sim_transfer transfers[SIM_TRANSFERS];
  unsigned transfer_count;
  struct sim_coroutine *const *lock_owner; /* who is inside the core; may be NULL */

  void (*on_event)(void *opaque); /* before each transfer begins or ends; may be NULL */
  void *on_event_opaque;

  uint64_t events, changes; /* changes: of what a crash may leave */
  unsigned unknown_errors; /* failed writes and flushes since sim_device_forgive */
  unsigned read_errors, other_errors, no_space;
};

void sim_device_init(struct sim_device *d, struct sim *sim,
                     const struct sim_device_config *config);
void sim_device_free(struct sim_device *d);
/* A new life: nobody uses it any more, earlier errors are history. */
void sim_device_forgive(struct sim_device *d);

/* ---- sim-device-crash.c ---------------------------------------------------- */

/* What becomes of one unit.  Version 0 is the durable one, 1..versions-1 the
 * pending ones, oldest first.  The chooser fills in `sectors` (one version for
 * each) or sets `shred`. */
struct sim_fate {
  uint64_t unit;
  unsigned versions;
  unsigned sectors_count;
  unsigned char sectors[128];
  bool shred;
};
typedef void sim_chooser(void *opaque, struct sim_fate *fate);

/* Cut the power of FROM and leave the result in TO (may be the same; else TO must
 * hold FROM's durable contents). */
void sim_device_settle(struct sim_device *from, struct sim_device *to, sim_chooser *choose,
                       void *opaque);
/* The same at random, in place. */
void sim_device_power_cut(struct sim_device *d);
/* The process is gone, the device stays: what was under way may or may not happen. */
void sim_device_kill(struct sim_device *d);

/* Remember the durable contents in COPY (size_bytes), and go back to them: cheap,
 * by the units touched.  Nothing may be pending in between. */
void sim_device_remember(struct sim_device *d, unsigned char *copy);
void sim_device_restore(struct sim_device *d, const unsigned char *copy);

/* Have COPY and TO (remembered in COPY) hold what FROM holds durably. */
void sim_device_sync(struct sim_device *from, struct sim_device *to, unsigned char *copy);
/* The units whose fate is open, in the order in which settle will ask; their count. */
unsigned sim_device_at_risk(const struct sim_device *d, struct sim_fate *fates, unsigned max);

/* ---- between the two files ---------------------------------------------------- */

void sim_device_apply(struct sim_device *d, unsigned char *image, const struct sim_write *w);
void sim_device_unlink(struct sim_device *d, struct sim_write *w);
void sim_device_touch(struct sim_device *d, uint64_t offset, uint64_t length);
void sim_device_garbage(struct sim_device *d, unsigned char *bytes, uint64_t length);
void sim_device_gather(const struct rdisk_iocb *iocb, unsigned char *bytes);

/* ---- sim-device-contract.c ---- */

static inline bool sim_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
  return a < b + b_length && b < a + a_length;
}

void sim_device_check(struct sim_device *d, const struct rdisk_iocb *iocb);
void sim_device_check_waiting(struct sim_device *d);

#endif
