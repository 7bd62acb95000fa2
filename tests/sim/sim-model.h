/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-model.h - the oracle: what the disk may hold.
 *
 * The disk is seen as cells (512 bytes or fewer).  A cell that a request wrote is
 * filled from the request's number and its own, so that reading it back names the
 * request; a cell that was zeroed, trimmed or never written reads as zero.
 *
 * Time is counted in ticks.  A request was accepted at some unknown instant of
 * its call, a checkpoint's cut (its seal) was at some instant of its call.  A
 * state found after a crash is legal if one instant t explains it:
 *   t lies in the call of a checkpoint that succeeded, or was under way or failed
 *     (or there was none: the state before), and not before the last one that
 *     succeeded began (D1, D2);
 *   each request lies wholly before or after t (D3): whoever is seen, began
 *     before t, and whoever is missing, ended after it;
 *   no cell shows a request when a later one, wholly after it, is before t.
 * Overlapping calls may have been accepted in either order, cell by cell.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "sim.h"

struct sim_request {
  uint32_t id;
  bool zero, failed;
  uint64_t first, count; /* cells */
  uint64_t begin, end;   /* ticks; end UINT64_MAX: under way */
  int mark;              /* sim_model_judge's: seen, missing */
};

struct sim_checkpoint {
  uint64_t begin, end;
  uint64_t sequence; /* that it told */
  bool ok, failed;
};

struct sim_node { /* a request in a cell's history, newest first */
  uint32_t request, next;
};

struct sim_model {
  struct sim *sim;
  uint64_t cells;
  uint32_t cell_bytes;
  uint32_t *base;  /* by cell: the request seen when the store was last opened; 0: zero */
  uint32_t *found; /* by cell: in the state that is being judged */
  uint32_t *heads; /* by cell: history since; 0: none */
  struct sim_request *requests; /* since the base; [0] unused */
  uint32_t request_count, request_room;
  struct sim_node *nodes; /* [0] unused */
  uint32_t node_count, node_room;
  struct sim_checkpoint *checkpoints;
  uint32_t checkpoint_count, checkpoint_room;
  uint32_t next_id;
  bool tolerant;     /* something failed: reads may show what failed half-way */
  bool undoing;      /* a recover is under way: reads may show any version */
  uint64_t sequence; /* the highest that a successful checkpoint told */
  char why[SIM_LINE];
};

void sim_model_init(struct sim_model *m, struct sim *sim, uint64_t disk_bytes,
                    uint32_t cell_bytes);
void sim_model_free(struct sim_model *m);

/* A write, or a zero or trim of whole cells, begins.  Its number for the next two. */
uint32_t sim_model_begin(struct sim_model *m, bool zero, uint64_t offset, uint64_t length);
/* Its data: LENGTH bytes that go to OFFSET. */
void sim_model_fill(const struct sim_model *m, uint32_t request, unsigned char *bytes,
                    uint64_t offset, uint64_t length);
/* It returned.  A failed one must have had no effect. */
void sim_model_end(struct sim_model *m, uint32_t request, int result);

uint32_t sim_model_checkpoint_begin(struct sim_model *m);
void sim_model_checkpoint_end(struct sim_model *m, uint32_t checkpoint, int result,
                              uint64_t sequence);

/* A read that began at tick BEGIN returned these bytes: violated if none of the
 * contents that the range had meanwhile. */
void sim_model_check_read(struct sim_model *m, const unsigned char *bytes, uint64_t offset,
                          uint64_t length, uint64_t begin);
/* The same of "reads as zero". */
bool sim_model_may_be_zero(struct sim_model *m, uint64_t offset, uint64_t length,
                           uint64_t begin);

/* Decode the whole disk's contents; false, and why, if they are nobody's. */
bool sim_model_find(struct sim_model *m, const unsigned char *disk);
/* Judge the whole disk's contents after a crash, a close or a recover.  False, and
 * why, if no instant explains them. */
bool sim_model_judge(struct sim_model *m, const unsigned char *disk);
/* Judge the disk after a recover whose call lasted from tick BEGIN to END, while
 * requests went on, the base being the last checkpoint: one instant, and whoever
 * was accepted before it is undone, whoever came after it is there. */
bool sim_model_judge_undone(struct sim_model *m, const unsigned char *disk, uint64_t begin,
                            uint64_t end);
/* What was judged is what counts from now on. */
void sim_model_adopt(struct sim_model *m);

#endif
