/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-commit - the library alone: what a small commit and an open cost.
 *
 *   commits STORE  write some random blocks, checkpoint; again and again
 *   open STORE     open it for writing and close it again
 *   crash STORE    random writes with a checkpoint now and then, then SIGKILL
 *                  to itself: leaves a store as a crash of the process does
 *
 * One thread, no server, so that nothing but the library and the device is
 * timed.  Prints one JSON object on one line.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "rdisk.h"

struct command {
  const char *name;
  const char *path;
  uint64_t commits; /* how many */
  uint64_t blocks;  /* written before each */
};

static int failed(const char *operation)
{
  fprintf(stderr, "bench-commit: %s: %s\n", operation, rdisk_last_error());
  return -1;
}

/* Kilobytes of a line of /proc/self/status; 0 if it is not there. */
static uint64_t status_kib(const char *key)
{
  char line[256];
  unsigned long long kib = 0;
  FILE *status = fopen("/proc/self/status", "re");
  if (status == NULL)
    return 0;
  while (fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " %llu", &kib) == 1)
      break;
  fclose(status);
  return kib;
}

static int open_store(const struct command *command, struct rdisk **store)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;
  return rdisk_open(command->path, &options, store) == 0 ? 0 : failed("open");
}

/* BLOCKS random blocks: the next ones of the sequence that BENCH describes. */
static int write_blocks(struct rdisk *store, const struct bench *bench, unsigned char *buffer,
                        uint64_t first, uint64_t blocks)
{
  for (uint64_t i = first; i < first + blocks; i++) {
    uint64_t offset = bench_offset(bench, i);
    bench_tag(bench, buffer, offset);
    if (rdisk_write(store, buffer, bench->workload.request_bytes, offset, 0) != 0)
      return failed("write");
  }
  return 0;
}

static void print_commits(const struct command *command, const struct bench *bench,
                          const struct rdisk_stats *before, const struct rdisk_stats *after)
{
  double commits = (double)command->commits, block = bench->workload.request_bytes;
#define PER_COMMIT(field) ((double)(after->field - before->field) / commits)
  printf("{\"commits\": %" PRIu64 ", \"blocks\": %" PRIu64 ", \"size_bytes\": %" PRIu64
         ", \"seconds\": %.6f, \"device_writes\": %.3f, \"device_blocks\": %.3f"
         ", \"data_blocks\": %.3f, \"log_blocks\": %.3f, \"map_blocks\": %.3f"
         ", \"device_flushes\": %.4f, \"roots\": %.4f, \"inline\": %.3f, \"writer_waits\": %.3f",
         command->commits, command->blocks, bench->size_bytes,
         (double)(bench->end_ns - bench->start_ns) / 1e9, PER_COMMIT(device_writes),
         PER_COMMIT(device_write_bytes) / block, PER_COMMIT(data_bytes) / block,
         PER_COMMIT(log_write_bytes) / block, PER_COMMIT(map_bytes) / block,
         PER_COMMIT(device_flushes), PER_COMMIT(roots), PER_COMMIT(commits_inline),
         PER_COMMIT(writer_waits));
#undef PER_COMMIT
  bench_print_latency("latency_us", bench->latency_ns, command->commits);
  printf("}\n");
}

static int do_commits(const struct command *command, struct rdisk *store, struct bench *bench)
{
  struct rdisk_stats before = RDISK_STATS_INIT, after = RDISK_STATS_INIT;
  unsigned char *buffer = bench_buffer(bench);
  int result = rdisk_get_stats(store, &before) == 0 ? 0 : failed("stats");
  bench->start_ns = bench_now_ns();
  for (uint64_t i = 0; i < command->commits && result == 0; i++) {
    uint64_t began_ns = bench_now_ns();
    result = write_blocks(store, bench, buffer, i * command->blocks, command->blocks);
    if (result == 0 && rdisk_checkpoint(store, NULL) != 0)
      result = failed("checkpoint");
    bench->latency_ns[i] = bench_now_ns() - began_ns;
  }
  bench->end_ns = bench_now_ns();
  if (result == 0 && rdisk_get_stats(store, &after) != 0)
    result = failed("stats");
  if (result == 0 && strcmp(command->name, "crash") == 0) /* an interval cut short */
    result = write_blocks(store, bench, buffer, command->commits * command->blocks,
                          command->blocks);
  free(buffer);
  if (result == 0)
    print_commits(command, bench, &before, &after);
  return result;
}

static int run_commits(const struct command *command, uint64_t seed)
{
  struct bench bench = {.workload = {.random = true, .write = true, .request_bytes = BENCH_BLOCK,
                                     .ops = command->commits * command->blocks},
                        .target = command->path,
                        .seed = seed};
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk *store;
  if (open_store(command, &store) == -1)
    return -1;
  int result = rdisk_get_info(store, &info) == 0 ? 0 : failed("info");
  if (result == 0)
    result = bench_prepare(&bench, info.size_bytes);
  if (result == 0)
    result = do_commits(command, store, &bench);
  if (result == 0 && strcmp(command->name, "crash") == 0) {
    fflush(stdout);
    raise(SIGKILL);
  }
  bench_free(&bench);
  if (rdisk_close(store) != 0 && result == 0)
    result = failed("close");
  return result;
}

static int run_open(const struct command *command)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  struct rdisk *store;
  uint64_t before_kib = status_kib("VmRSS:");
  uint64_t began_ns = bench_now_ns();
  if (open_store(command, &store) == -1)
    return -1;
  uint64_t opened_ns = bench_now_ns();
  uint64_t after_kib = status_kib("VmRSS:");
  int result = rdisk_get_info(store, &info) == 0 ? 0 : failed("info");
  uint64_t closing_ns = bench_now_ns();
  if (rdisk_close(store) != 0)
    result = failed("close");
  uint64_t closed_ns = bench_now_ns();
  if (result == 0)
    printf("{\"open_ms\": %.3f, \"close_ms\": %.3f, \"rss_kib\": %" PRIu64
           ", \"rss_before_kib\": %" PRIu64 ", \"peak_kib\": %" PRIu64 ", \"size_bytes\": %" PRIu64
           ", \"clean\": %" PRIu32 ", \"replayed\": %" PRIu64 ", \"discarded\": %" PRIu64 "}\n",
           (double)(opened_ns - began_ns) / 1e6, (double)(closed_ns - closing_ns) / 1e6, after_kib,
           before_kib, status_kib("VmHWM:"), info.size_bytes, info.clean, info.replayed,
           info.discarded);
  return result;
}

static uint64_t number(const char *text)
{
  char *end;
  errno = 0;
  uint64_t value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value == 0 || value > UINT32_MAX ||
      text[0] == '-') {
    fprintf(stderr, "bench-commit: '%s' is not a number above 0\n", text);
    exit(2);
  }
  return value;
}

static int usage(FILE *out)
{
  fprintf(out, "Usage: bench-commit commits STORE COMMITS [BLOCKS [SEED]]\n"
               "       bench-commit crash STORE COMMITS [BLOCKS [SEED]]\n"
               "       bench-commit open STORE\n"
               "Each commit has BLOCKS random blocks of 4096 bytes (default 1).\n");
  return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "--help") == 0)
    return usage(stdout);
  if (argc < 3)
    return usage(stderr);
  struct command command = {.name = argv[1], .path = argv[2], .blocks = 1};
  if (strcmp(command.name, "open") == 0 && argc == 3)
    return run_open(&command) == 0 ? 0 : 1;
  if ((strcmp(command.name, "commits") != 0 && strcmp(command.name, "crash") != 0) || argc < 4 ||
      argc > 6)
    return usage(stderr);
  command.commits = number(argv[3]);
  if (argc > 4)
    command.blocks = number(argv[4]);
  return run_commits(&command, argc > 5 ? number(argv[5]) : 1) == 0 ? 0 : 1;
}
