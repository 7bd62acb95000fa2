/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests, contents, latencies and the result of bench-nbd and bench-file. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static const uint64_t tag_mark = 0x7d1c5be4c4ac0de5;

uint64_t bench_now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A bijection of 64-bit numbers without visible pattern: a multiply, xor and
 * shift mixer.  Stateless, so that threads need not share a generator. */
static uint64_t mix(uint64_t x)
{
  for (int round = 0; round < 3; round++) {
    x ^= x >> 29;
    x *= 0xd6e8feb86659fd93;
  }
  return x ^ x >> 32;
}

int bench_prepare(struct bench *bench, uint64_t target_bytes)
{
  struct bench_workload *workload = &bench->workload;
  if (bench->size_bytes == 0 || bench->size_bytes > target_bytes)
    bench->size_bytes = target_bytes;
  bench->size_bytes -= bench->size_bytes % workload->request_bytes;
  uint64_t requests = bench->size_bytes / workload->request_bytes;
  if (requests == 0) {
    fprintf(stderr, "bench: %s: smaller than one request\n", bench->target);
    return -1;
  }
  if (workload->ops == 0)
    workload->ops = requests;
  if (workload->flush_every > workload->ops)
    workload->flush_every = 0;

  uint64_t flushes = 1;
  if (workload->flush_every > 0)
    flushes += workload->ops / workload->flush_every;
  bench->latency_ns = calloc(workload->ops, sizeof bench->latency_ns[0]);
  bench->flush_ns = calloc(flushes, sizeof bench->flush_ns[0]);
  if (bench->latency_ns == NULL || bench->flush_ns == NULL) {
    fprintf(stderr, "bench: no memory for %" PRIu64 " requests\n", workload->ops);
    return -1;
  }
  return 0;
}

void bench_free(struct bench *bench)
{
  free(bench->latency_ns);
  free(bench->flush_ns);
}

uint64_t bench_offset(const struct bench *bench, uint64_t index)
{
  uint64_t requests = bench->size_bytes / bench->workload.request_bytes;
  uint64_t place = bench->workload.random ? mix(mix(bench->seed) + index) : index;
  return place % requests * bench->workload.request_bytes;
}

uint64_t bench_batch_end(const struct bench *bench, uint64_t begin)
{
  const struct bench_workload *workload = &bench->workload;
  if (workload->flush_every == 0 || workload->ops - begin < workload->flush_every)
    return workload->ops;
  return begin + workload->flush_every;
}

bool bench_flushes(const struct bench *bench)
{
  return bench->workload.write;
}

unsigned char *bench_buffer(const struct bench *bench)
{
  size_t length = bench->workload.request_bytes;
  unsigned char *buffer = aligned_alloc(BENCH_BLOCK, length);
  if (buffer == NULL) {
    fprintf(stderr, "bench: no memory for a buffer\n");
    exit(1);
  }
  for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
    uint64_t word = mix(bench->seed + i);
    memcpy(buffer + i, &word, sizeof word);
  }
  return buffer;
}

void bench_tag(const struct bench *bench, unsigned char *buffer, uint64_t offset)
{
  for (uint32_t i = 0; i < bench->workload.request_bytes; i += BENCH_BLOCK) {
    uint64_t tag = (offset + i) ^ tag_mark;
    memcpy(buffer + i, &tag, sizeof tag);
  }
}

int bench_check(const struct bench *bench, const unsigned char *buffer, uint64_t offset)
{
  for (uint32_t i = 0; bench->verify && i < bench->workload.request_bytes; i += BENCH_BLOCK) {
    uint64_t tag;
    memcpy(&tag, buffer + i, sizeof tag);
    if (tag != ((offset + i) ^ tag_mark)) {
      fprintf(stderr, "bench: %s: wrong contents at %" PRIu64 " (was the disk filled?)\n",
              bench->target, offset + i);
      return -1;
    }
  }
  return 0;
}

void bench_flush_done(struct bench *bench, uint64_t began_ns)
{
  bench->flush_ns[bench->flushes++] = bench_now_ns() - began_ns;
}

static int compare(const void *a, const void *b)
{
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

static double percentile_us(const uint64_t *sorted_ns, uint64_t count, unsigned percent)
{
  return (double)sorted_ns[(count - 1) * percent / 100] / 1e3;
}

void bench_print_latency(const char *name, uint64_t *samples_ns, uint64_t count)
{
  if (count == 0)
    return;
  double sum = 0;
  for (uint64_t i = 0; i < count; i++)
    sum += (double)samples_ns[i];
  qsort(samples_ns, count, sizeof samples_ns[0], compare);
  printf(", \"%s\": {\"mean\": %.2f, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"max\": %.2f}",
         name, sum / (double)count / 1e3, percentile_us(samples_ns, count, 50),
         percentile_us(samples_ns, count, 90), percentile_us(samples_ns, count, 99),
         percentile_us(samples_ns, count, 100));
}

/* Two sets: requests among the first after a flush, and the others.  The first
 * batch is in neither: no flush came before it. */
static void print_first(const struct bench *bench)
{
  const struct bench_workload *workload = &bench->workload;
  if (bench->first == 0 || workload->flush_every == 0)
    return;
  uint64_t *set = calloc(workload->ops, sizeof set[0]);
  if (set == NULL)
    return;
  for (int late = 0; late < 2; late++) {
    uint64_t count = 0;
    for (uint64_t i = workload->flush_every; i < workload->ops; i++)
      if ((i % workload->flush_every >= bench->first) == (late == 1))
        set[count++] = bench->latency_ns[i];
    bench_print_latency(late ? "later_us" : "first_us", set, count);
  }
  free(set);
}

void bench_print(const struct bench *bench)
{
  const struct bench_workload *workload = &bench->workload;
  double seconds = (double)(bench->end_ns - bench->start_ns) / 1e9;
  double bytes = (double)workload->ops * workload->request_bytes;
  printf("{\"workload\": \"%s\", \"ops\": %" PRIu64 ", \"request_bytes\": %" PRIu32
         ", \"depth\": %" PRIu32 ", \"connections\": %u, \"flushes\": %" PRIu64
         ", \"seconds\": %.6f, \"ops_s\": %.1f, \"mb_s\": %.2f",
         workload->name, workload->ops, workload->request_bytes, workload->depth,
         bench->connections, bench->flushes, seconds, (double)workload->ops / seconds,
         bytes / seconds / 1e6);
  print_first(bench);
  bench_print_latency("latency_us", bench->latency_ns, workload->ops);
  bench_print_latency("flush_us", bench->flush_ns, bench->flushes);
  printf("}\n");
}
