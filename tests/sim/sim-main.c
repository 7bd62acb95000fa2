/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-main.c - run seeds, one after the other, and say which one failed. */
#include "config.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim-world.h"

struct options {
  uint64_t seed, seeds;
  double seconds;
  const char *scenario, *fault;
  bool verbose, quiet;
};

static const char usage[] =
    "usage: sim [--seed N] [--seeds COUNT] [--seconds S] [--scenario NAME] [--fault NAME]\n"
    "           [--file SEEDS] [--verbose]\n"
    "Runs librdisk's core over a simulated device, from seed N on.\n";

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Room for the store; false: the configuration cannot be. */
static bool size_device(struct sim_world *w, struct sim_config *config)
{
  struct sim_hooks hooks;
  uint64_t bytes;
  uint32_t unit = config->device.unit_bytes;

  sim_hooks_init(&hooks, &w->sim);
  hooks.env.error = NULL;
  if (rdisk_core_store_bytes(&hooks.env, &config->format, unit, &bytes) != 0)
    return false;
  config->device.size_bytes = (bytes + unit - 1) / unit * unit;
  if (sim_one_in(&w->sim, 4))
    config->device.size_bytes += unit * sim_below(&w->sim, 8);
  return true;
}

static void report(const struct sim_world *w, const struct options *o, const char *scenario,
                   uint64_t seed)
{
  printf("---- the last events:\n");
  sim_print_trace(&w->sim, 60);
  printf("VIOLATION %s: %s\n", w->sim.rule, w->sim.line);
  printf("scenario %s seed %" PRIu64 ": disk %" PRIu64 ", block %u, unit %u, log %" PRIu64
         ", buffers %" PRIu64 ", inline %u, cell %u, clients %u\n",
         scenario, seed, w->config.format.size_bytes, w->config.format.block_bytes,
         w->config.device.unit_bytes, w->config.format.log_bytes, w->config.options.buffer_bytes,
         w->config.options.inline_blocks, w->config.cell_bytes, w->config.clients);
  printf("again: sim --scenario %s --seed %" PRIu64 "%s%s --verbose\n", scenario, seed,
         o->fault ? " --fault " : "", o->fault ? o->fault : "");
}

/* One seed; false: violated, and reported. */
static bool run_seed(const struct options *o, const char *scenario, uint64_t seed,
                     uint64_t *states)
{
  struct sim_world *w = calloc(1, sizeof *w);
  struct sim_config config;
  bool ok;

  if (w == NULL || (sim_init(&w->sim, seed), !sim_scenario_config(scenario, &w->sim, &config))) {
    fprintf(stderr, "sim: no scenario \"%s\"\n", scenario);
    exit(2);
  }
  if (o->fault != NULL && !sim_scenario_fault(o->fault, &config)) {
    fprintf(stderr, "sim: no fault \"%s\"\n", o->fault);
    exit(2);
  }
  w->sim.verbose = o->verbose;
  if (!size_device(w, &config)) {
    fprintf(stderr, "sim: scenario %s seed %" PRIu64 ": there is no such store\n", scenario, seed);
    exit(2);
  }
  sim_world_init(w, &config);
  ok = sim_world_run(w);
  *states += w->states;
  if (!ok && !o->quiet)
    report(w, o, scenario, seed);
  sim_world_free(w);
  free(w);
  return ok;
}

static bool run_range(const struct options *o, uint64_t *states)
{
  double end = now_s() + o->seconds;

  for (uint64_t seed = o->seed; o->seconds > 0 ? now_s() < end : seed < o->seed + o->seeds;
       seed++) {
    const char *scenario = o->scenario;

    if (scenario == NULL)
      scenario = sim_scenario_of(seed);
    if (!run_seed(o, scenario, seed, states))
      return false;
  }
  return true;
}

/* Lines "SCENARIO SEED"; # begins a comment. */
static bool run_file(const struct options *o, const char *path, uint64_t *states)
{
  FILE *file = fopen(path, "r");
  char line[256], scenario[64];
  uint64_t seed;
  bool ok = true;

  if (file == NULL) {
    perror(path);
    exit(2);
  }
  while (ok && fgets(line, sizeof line, file) != NULL)
    if (line[0] != '#' && sscanf(line, "%63s %" SCNu64, scenario, &seed) == 2)
      ok = run_seed(o, scenario, seed, states);
  fclose(file);
  return ok;
}

static const struct option long_options[] = {
  { "seed", required_argument, NULL, 's' },     { "seeds", required_argument, NULL, 'n' },
  { "seconds", required_argument, NULL, 't' },  { "scenario", required_argument, NULL, 'S' },
  { "fault", required_argument, NULL, 'F' },    { "file", required_argument, NULL, 'f' },
  { "verbose", no_argument, NULL, 'v' },        { "quiet", no_argument, NULL, 'q' },
  { "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 },
};

static const char *parse(int argc, char **argv, struct options *o)
{
  const char *file = NULL;
  int c;

  while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
    if (c == 's')
      o->seed = strtoull(optarg, NULL, 10);
    else if (c == 'n')
      o->seeds = strtoull(optarg, NULL, 10);
    else if (c == 't')
      o->seconds = strtod(optarg, NULL);
    else if (c == 'S')
      o->scenario = optarg;
    else if (c == 'F')
      o->fault = optarg;
    else if (c == 'f')
      file = optarg;
    else if (c == 'v')
      o->verbose = true;
    else if (c == 'q')
      o->quiet = true;
    else {
      fputs(usage, c == 'h' ? stdout : stderr);
      exit(c == 'h' ? 0 : 2);
    }
  }
  return file;
}

int main(int argc, char **argv)
{
  struct options o = { .seed = 1, .seeds = 1 };
  const char *file = parse(argc, argv, &o);
  uint64_t states = 0;
  double begin = now_s(), seconds;
  bool ok;

  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  mallopt(M_MMAP_THRESHOLD, 256 << 20); /* seeds reuse the same pages */
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  ok = file != NULL ? run_file(&o, file, &states) : run_range(&o, &states);
  seconds = now_s() - begin;
  printf("%s: %" PRIu64 " states in %.1f s of CPU: %.0f a minute\n", ok ? "ok" : "FAILED", states,
         seconds, seconds > 0 ? (double)states * 60 / seconds : 0);
  return ok ? 0 : 1;
}
