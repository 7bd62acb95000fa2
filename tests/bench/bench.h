/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.h - what the benchmark drivers share: workloads, requests, latencies
 * and the line of JSON they print.
 *
 * A workload is a list of requests that depends only on its name, the seed and
 * the sizes: request I is the same for every server, driver and order of
 * completion.  So two servers get exactly the same work.
 *
 * Contents are checked.  Each 4 KiB block that a driver writes begins with a
 * tag of its offset; each block read must begin with it (fill the disk first).
 * A server that is fast and wrong fails the run.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_BLOCK = 4096 };

struct bench_workload {
  const char *name;
  bool write;
  bool random;
  uint32_t request_bytes;
  uint32_t depth;       /* requests under way at once */
  uint64_t flush_every; /* drain and flush after so many; 0: a write run's end only */
  uint64_t ops;         /* default number; 0: the whole disk once */
  const char *what;     /* for --help */
};

struct bench {
  struct bench_workload workload;
  const char *target; /* socket or path */
  uint64_t seed;
  uint64_t size_bytes;   /* 0: as large as the target */
  unsigned connections;  /* bench-nbd */
  bool direct;           /* bench-file: O_DIRECT */
  bool verify;
  uint64_t first;        /* > 0: tell the first so many after each flush apart */

  uint64_t *latency_ns; /* [ops] */
  uint64_t *flush_ns;   /* [flushes_max] */
  uint64_t flushes;
  uint64_t start_ns, end_ns;
};

/* Parse the command line; exits on --help and on mistakes. */
void bench_options(struct bench *bench, int argc, char **argv, const char *target_name);

/* The target has TARGET_BYTES: settle the sizes and make the arrays.  -1 and a
 * line on stderr if the workload does not fit. */
int bench_prepare(struct bench *bench, uint64_t target_bytes);
void bench_free(struct bench *bench);

/* Where request INDEX begins. */
uint64_t bench_offset(const struct bench *bench, uint64_t index);

/* The end of the batch that begins at request BEGIN: a flush, or the end. */
uint64_t bench_batch_end(const struct bench *bench, uint64_t begin);
/* Whether batches end with a flush. */
bool bench_flushes(const struct bench *bench);

/* A buffer of one request, aligned, with contents that do not compress. */
unsigned char *bench_buffer(const struct bench *bench);
/* Tag the blocks of a request to be written at OFFSET. */
void bench_tag(const struct bench *bench, unsigned char *buffer, uint64_t offset);
/* Check what was read from OFFSET: -1 and a line on stderr if it is not what
 * was written there. */
int bench_check(const struct bench *bench, const unsigned char *buffer, uint64_t offset);

uint64_t bench_now_ns(void);
void bench_flush_done(struct bench *bench, uint64_t began_ns);

/* Print the result, one JSON object on one line. */
void bench_print(const struct bench *bench);

/* Latencies of COUNT samples, sorted in place: "name": {"mean": ..., ...}. */
void bench_print_latency(const char *name, uint64_t *samples_ns, uint64_t count);

#endif
