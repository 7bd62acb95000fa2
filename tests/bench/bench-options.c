/* SPDX-License-Identifier: BSD-3-Clause */
/* The workloads and the command line of bench-nbd and bench-file. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct bench_workload workloads[] = {
    {"randwrite", true, true, 4096, 32, 0, 131072, "4K random writes, one flush at the end"},
    {"syncwrite", true, true, 4096, 1, 1, 8192, "4K random writes, each followed by a flush"},
    {"flushwrite", true, true, 4096, 16, 64, 65536, "4K random writes, a flush after every 64"},
    {"firstwrite", true, true, 4096, 32, 2048, 65536,
     "4K random writes, a flush every 2048; the first 256 after each flush apart"},
    {"randread", false, true, 4096, 32, 0, 131072, "4K random reads"},
    {"seqread", false, false, 262144, 8, 0, 0, "256K reads, the whole disk once"},
    {"seqwrite", true, false, 262144, 8, 0, 0, "256K writes, the whole disk once, a flush"},
};
enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

enum { OPT_VERIFY = 256, OPT_HELP };

static const struct option long_options[] = {
    {"workload", required_argument, NULL, 'w'},
    {"ops", required_argument, NULL, 'n'},
    {"depth", required_argument, NULL, 'd'},
    {"request", required_argument, NULL, 'b'},
    {"flush-every", required_argument, NULL, 'k'},
    {"first", required_argument, NULL, 'f'},
    {"size", required_argument, NULL, 's'},
    {"seed", required_argument, NULL, 'r'},
    {"connections", required_argument, NULL, 'c'},
    {"direct", no_argument, NULL, 'D'},
    {"no-verify", no_argument, NULL, OPT_VERIFY},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void usage(const char *program, const char *target_name)
{
  printf("Usage: %s -w WORKLOAD [OPTION]... %s\n"
         "Run one workload and print one line of JSON.\n\n"
         "  -w, --workload=NAME     see below\n"
         "  -n, --ops=N             requests (0: the whole disk once)\n"
         "  -d, --depth=N           requests under way at once\n"
         "  -b, --request=BYTES     of a request, a multiple of 4096\n"
         "  -k, --flush-every=N     drain and flush after every N writes (0: at the end only)\n"
         "  -f, --first=N           tell the first N requests after each flush apart\n"
         "  -s, --size=BYTES        use only the beginning of the disk\n"
         "  -r, --seed=N            of the random offsets\n"
         "  -c, --connections=N     bench-nbd: connections that share the depth\n"
         "  -D, --direct            bench-file: O_DIRECT\n"
         "      --no-verify         do not check what is read\n"
         "      --help\n\nWorkloads:\n",
         program, target_name);
  for (int i = 0; i < WORKLOADS; i++)
    printf("  %-11s %s\n", workloads[i].name, workloads[i].what);
}

static uint64_t number(const char *text, const char *name)
{
  char *end;
  errno = 0;
  uint64_t value = strtoull(text, &end, 0);
  unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  if (shift > 0)
    end++;
  if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
      value > UINT64_MAX >> shift) {
    fprintf(stderr, "bench: --%s: '%s' is not a number\n", name, text);
    exit(2);
  }
  return value << shift;
}

static uint32_t small_number(const char *text, const char *name)
{
  uint64_t value = number(text, name);
  if (value == 0 || value > 1u << 26) {
    fprintf(stderr, "bench: --%s: %s is out of range\n", name, text);
    exit(2);
  }
  return (uint32_t)value;
}

static void choose_workload(struct bench *bench, const char *name)
{
  for (int i = 0; i < WORKLOADS; i++) {
    if (strcmp(workloads[i].name, name) == 0) {
      bench->workload = workloads[i];
      bench->first = strcmp(name, "firstwrite") == 0 ? 256 : 0;
      return;
    }
  }
  fprintf(stderr, "bench: no workload '%s'; --help lists them\n", name);
  exit(2);
}

/* The workload brings defaults, so it is looked up before the other options. */
static const char *find_workload(int argc, char **argv)
{
  const char *name = NULL;
  int option;
  opterr = 0;
  while ((option = getopt_long(argc, argv, "w:n:d:b:k:f:s:r:c:D", long_options, NULL)) != -1)
    if (option == 'w')
      name = optarg;
  optind = 1;
  opterr = 1;
  return name;
}

static void apply(struct bench *bench, int option, const char *text)
{
  struct bench_workload *workload = &bench->workload;
  switch (option) {
  case 'n': workload->ops = number(text, "ops"); break;
  case 'd': workload->depth = small_number(text, "depth"); break;
  case 'b': workload->request_bytes = small_number(text, "request"); break;
  case 'k': workload->flush_every = number(text, "flush-every"); break;
  case 'f': bench->first = number(text, "first"); break;
  case 's': bench->size_bytes = number(text, "size"); break;
  case 'r': bench->seed = number(text, "seed"); break;
  case 'c': bench->connections = small_number(text, "connections"); break;
  case 'D': bench->direct = true; break;
  case OPT_VERIFY: bench->verify = false; break;
  }
}

void bench_options(struct bench *bench, int argc, char **argv, const char *target_name)
{
  *bench = (struct bench){.seed = 1, .connections = 1, .verify = true};
  const char *name = find_workload(argc, argv);
  if (name != NULL)
    choose_workload(bench, name);

  int option;
  while ((option = getopt_long(argc, argv, "w:n:d:b:k:f:s:r:c:D", long_options, NULL)) != -1) {
    if (option == OPT_HELP) {
      usage(argv[0], target_name);
      exit(0);
    }
    if (option == '?')
      exit(2);
    apply(bench, option, optarg);
  }
  if (name == NULL || optind + 1 != argc) {
    fprintf(stderr, "bench: need --workload and one %s; see --help\n", target_name);
    exit(2);
  }
  if (bench->workload.request_bytes % BENCH_BLOCK != 0) {
    fprintf(stderr, "bench: --request must be a multiple of %d\n", BENCH_BLOCK);
    exit(2);
  }
  bench->target = argv[optind];
}
