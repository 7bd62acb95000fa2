/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-exhaustive.c - small cases, all of them.
 *
 * Every script of up to --length operations on a disk of three units is run, and
 * crashed at every device operation of its last step (earlier steps are the last
 * ones of shorter scripts).  At each such point every choice of lost and kept
 * among the unflushed units is opened and judged, and each unit shredded or torn
 * with the others lost and kept.  That open is itself crashed at each of its
 * device operations, to --depth.
 *
 * A stage is one device with the core on it; stage 0 runs the script, stage k+1
 * opens what a crash of stage k has left.
 */
#include "config.h"

#include <assert.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim-device.h"
#include "sim-hooks.h"
#include "sim-model.h"

enum { UNIT = 4096, UNITS = 3, DISK = UNIT * UNITS, STAGES = 4, AT_RISK = 64, CELL = 512 };
enum { SHREDDED = 255, TORN_HEAD = 254, TORN_TAIL = 253, SUBSETS_MAX = 1024 };

struct stage {
  struct sim sim;
  struct sim_hooks hooks;
  struct sim_device device;
  unsigned char *copy; /* what stage k-1 held durably */
  struct rdisk_core *core;
  unsigned char disk[DISK];
  unsigned number;
  uint64_t enumerated; /* changes of the device when it was last crashed here */
  uint32_t enumerated_ok;
};

static struct stage stages[STAGES];
static struct sim_model model;
static unsigned depth = 2;
static uint32_t inline_blocks;
static uint64_t states;
static bool last_step; /* crash here */
static bool idle;      /* the background of stage 0 */
static char script[64];

struct deal {
  unsigned count;
  unsigned char choice[AT_RISK]; /* a version, or one of the above */
  unsigned asked;
};

static struct deal deals[STAGES]; /* what was dealt to stage k, for the report */

/* ---- report -------------------------------------------------------------------- */

static void die(const struct stage *s)
{
  printf("---- the last events of the opener:\n");
  sim_print_trace(&s->sim, 30);
  printf("---- the last events of the script:\n");
  sim_print_trace(&stages[0].sim, 40);
  for (unsigned k = 1; k <= s->number; k++) {
    printf("stage %u opened after:", k);
    for (unsigned i = 0; i < deals[k].count; i++)
      printf(" %u", deals[k].choice[i]);
    printf("  (0 lost, n a version kept, 255 shredded, 254 and 253 torn)\n");
  }
  printf("VIOLATION %s: %s\nscript %s, inline %u\n", s->sim.rule, s->sim.line, script,
         inline_blocks);
  printf("again: sim-exhaustive --script %s --depth %u --inline %u\n", script, depth,
         inline_blocks);
  fflush(stdout);
  exit(1);
}

/* ---- a state -------------------------------------------------------------------- */

static void settle_one(void *opaque, struct sim_fate *fate)
{
  struct deal *deal = opaque;
  unsigned char choice = deal->choice[deal->asked++];
  unsigned half = fate->sectors_count / 2;

  if (choice == SHREDDED) {
    fate->shred = true;
  } else if (choice == TORN_HEAD) {
    memset(fate->sectors, (int)(fate->versions - 1), half);
  } else if (choice == TORN_TAIL) {
    memset(fate->sectors + half, (int)(fate->versions - 1), fate->sectors_count - half);
  } else {
    memset(fate->sectors, choice, fate->sectors_count);
  }
}

static int open_stage(struct stage *s, bool read_only)
{
  struct rdisk_core_options options = { .read_only = read_only,
                                        .inline_blocks = inline_blocks,
                                        .buffer_bytes = 8 * UNIT };

  s->device.io.read_only = read_only;
  return rdisk_core_open(&s->hooks.env, &s->device.io, &options, &s->core);
}

/* D1, D2, D3: it opens, and what it holds is legal. */
static void open_and_judge(void *opaque)
{
  struct stage *s = opaque;
  int result = open_stage(s, false);

  sim_require(&s->sim, result == 0, "D1", "the store does not open: %d", result);
  result = rdisk_core_read(s->core, s->disk, DISK, 0);
  sim_require(&s->sim, result == 0, "D1", "the disk cannot be read: %d", result);
  sim_require(&s->sim, sim_model_judge(&model, s->disk), "open", "%s", model.why);
}

static void try_deal(struct stage *from, struct stage *to, const struct deal *deal)
{
  deals[to->number] = *deal;
  deals[to->number].asked = 0;
  sim_device_settle(&from->device, &to->device, settle_one, &deals[to->number]);
  to->enumerated = UINT64_MAX;
  sim_spawn(&to->sim, "opener", open_and_judge, to);
  if (sim_run(&to->sim) == SIM_VIOLATED)
    die(to);
  sim_hooks_reset(&to->hooks);
  sim_device_restore(&to->device, to->copy);
  states++;
}

/* ---- all states of a crash point -------------------------------------------------- */

static uint64_t product(const struct sim_fate *fates, unsigned count, uint64_t limit)
{
  uint64_t subsets = 1;

  for (unsigned i = 0; i < count && subsets <= limit; i++)
    subsets *= fates[i].versions;
  return subsets;
}

static void deal_all(struct stage *from, struct stage *to, const struct sim_fate *fates,
                     unsigned count, uint64_t subsets)
{
  struct deal deal = { .count = count };

  for (uint64_t n = 0; n < subsets; n++) {
    uint64_t rest = n;

    for (unsigned i = 0; i < count; i++) {
      deal.choice[i] = (unsigned char)(rest % fates[i].versions);
      rest /= fates[i].versions;
    }
    try_deal(from, to, &deal);
  }
}

/* Each unit odd in its turn, with the others lost, then kept. */
static void deal_one_odd(struct stage *from, struct stage *to, const struct sim_fate *fates,
                         unsigned count, unsigned char odd)
{
  struct deal deal = { .count = count };

  for (unsigned kept = 0; kept < 2; kept++)
    for (unsigned i = 0; i < count; i++) {
      for (unsigned k = 0; k < count; k++)
        deal.choice[k] = kept ? (unsigned char)(fates[k].versions - 1) : 0;
      if (odd >= TORN_TAIL)
        deal.choice[i] = odd;
      else
        deal.choice[i] = kept ? 0 : (unsigned char)(fates[i].versions - 1);
      try_deal(from, to, &deal);
    }
}

static void deal_prefixes(struct stage *from, struct stage *to, const struct sim_fate *fates,
                          unsigned count)
{
  struct deal deal = { .count = count };

  try_deal(from, to, &deal);
  for (unsigned i = 0; i < count; i++) {
    deal.choice[i] = (unsigned char)(fates[i].versions - 1);
    try_deal(from, to, &deal);
  }
}

static void crash(struct stage *from)
{
  struct stage *to = &stages[from->number + 1];
  struct sim_fate fates[AT_RISK];
  unsigned count = sim_device_at_risk(&from->device, fates, AT_RISK);
  uint64_t limit = from->number == 0 ? SUBSETS_MAX : 16;
  uint64_t subsets = product(fates, count, limit);

  assert(count < AT_RISK);
  sim_device_sync(&from->device, &to->device, to->copy);
  if (subsets <= limit) {
    deal_all(from, to, fates, count, subsets);
  } else {
    deal_prefixes(from, to, fates, count);
    deal_one_odd(from, to, fates, count, 0);
  }
  deal_one_odd(from, to, fates, count, SHREDDED);
  if (from->number == 0) {
    deal_one_odd(from, to, fates, count, TORN_HEAD);
    deal_one_odd(from, to, fates, count, TORN_TAIL);
  }
}

static uint32_t checkpoints_ok(void)
{
  uint32_t ok = 0;

  for (uint32_t i = 0; i < model.checkpoint_count; i++)
    ok += model.checkpoints[i].ok;
  return ok;
}

/* Before each device operation: crash, unless nothing changed since the last one. */
static void maybe_crash(void *opaque)
{
  struct stage *s = opaque;
  uint32_t ok = checkpoints_ok();

  if (!last_step || s->number >= depth ||
      (s->enumerated == s->device.changes && s->enumerated_ok == ok))
    return;
  s->enumerated = s->device.changes;
  s->enumerated_ok = ok;
  crash(s);
}

/* ---- scripts ------------------------------------------------------------------------ */

static const char steps[] = "012ABPZTCGR";

static void write_range(struct stage *s, uint64_t offset, uint64_t length)
{
  static unsigned char bytes[DISK];
  uint32_t request = sim_model_begin(&model, false, offset, length);
  int result;

  sim_model_fill(&model, request, bytes, offset, length);
  result = rdisk_core_write(s->core, bytes, length, offset);
  sim_model_end(&model, request, result);
  sim_require(&s->sim, result == 0, "errors", "a write fails: %d", result);
}

static void zero_range(struct stage *s, uint64_t offset, uint64_t length, bool trim)
{
  uint32_t request = sim_model_begin(&model, true, offset, length);
  int result = trim ? rdisk_core_trim(s->core, length, offset)
                    : rdisk_core_zero(s->core, length, offset, 0);

  sim_model_end(&model, request, result);
  sim_require(&s->sim, result == 0, "errors", "a zero fails: %d", result);
}

static void checkpoint(struct stage *s)
{
  uint32_t c = sim_model_checkpoint_begin(&model);
  uint64_t sequence = 0;
  int result = rdisk_core_checkpoint(s->core, &sequence);

  sim_model_checkpoint_end(&model, c, result, sequence);
  sim_require(&s->sim, result == 0, "errors", "a checkpoint fails: %d", result);
}

/* Closed properly and opened again. */
static void reopen(struct stage *s)
{
  int result = rdisk_core_close(s->core, false);

  sim_require(&s->sim, result == 0, "errors", "close fails: %d", result);
  sim_hooks_expect_empty(&s->hooks);
  result = open_stage(s, false);
  sim_require(&s->sim, result == 0, "errors", "open fails: %d", result);
  result = rdisk_core_read(s->core, s->disk, DISK, 0);
  sim_require(&s->sim, result == 0 && sim_model_judge(&model, s->disk), "reopen", "%s", model.why);
  sim_model_adopt(&model);
}

static void background_until_idle(struct stage *s)
{
  sim_hooks_kick(&s->hooks);
  do
    sim_yield(&s->sim);
  while (!idle);
}

static void recover(struct stage *s)
{
  int result = rdisk_core_recover(s->core);

  sim_require(&s->sim, result == 0, "errors", "recover fails: %d", result);
  result = rdisk_core_read(s->core, s->disk, DISK, 0);
  sim_require(&s->sim, result == 0 && sim_model_judge(&model, s->disk), "recover", "%s",
              model.why);
  sim_model_adopt(&model);
}

static void step(struct stage *s, char what)
{
  sim_trace(&s->sim, "STEP '%c'", (uint64_t)what, 0, 0, 0);
  switch (what) {
  case '0':
  case '1':
  case '2':
    write_range(s, (uint64_t)(what - '0') * UNIT, UNIT);
    break;
  case 'A': /* all: more than one unit at once */
    write_range(s, 0, DISK);
    break;
  case 'B':
    background_until_idle(s);
    break;
  case 'P': /* a part of a unit, and of the next */
    write_range(s, UNIT - CELL, 2 * CELL);
    break;
  case 'Z':
    zero_range(s, 0, 2 * UNIT, false);
    break;
  case 'T':
    zero_range(s, UNIT, UNIT, true);
    break;
  case 'C':
    checkpoint(s);
    break;
  case 'R':
    recover(s);
    break;
  default:
    reopen(s);
  }
}

/* Runs only while the script waits, or is at B. */
static void background(void *opaque)
{
  struct stage *s = opaque;

  for (;;) {
    idle = true;
    sim_hooks_await_kick(&s->hooks);
    idle = false;
    while (rdisk_core_background(s->core))
      sim_yield(&s->sim);
  }
}

static void run_script(void *opaque)
{
  struct stage *s = opaque;
  size_t length = strlen(script);
  int result = open_stage(s, false);

  sim_require(&s->sim, result == 0, "errors", "a new store does not open: %d", result);
  sim_spawn(&s->sim, "background", background, s);
  for (size_t i = 0; i < length; i++) {
    last_step = i == length - 1;
    step(s, script[i]);
  }
  maybe_crash(s);
  last_step = false;
}

/* ---- stages ------------------------------------------------------------------------------ */

static const struct rdisk_core_format store_format = {
  .size_bytes = DISK, .layout = RDISK_LAYOUT_AB, .block_bytes = UNIT, .log_bytes = 16 * UNIT
};
static unsigned char *fresh_store;

static void make_stages(void)
{
  struct sim_device_config config = { .unit_bytes = UNIT, .space_units = UINT64_MAX,
                                      .discards = true };
  struct sim_hooks hooks;
  int result;

  sim_hooks_init(&hooks, &stages[0].sim);
  result = rdisk_core_store_bytes(&hooks.env, &store_format, UNIT, &config.size_bytes);
  assert(result == 0);
  (void)result;
  for (unsigned k = 0; k <= depth; k++) {
    struct stage *s = &stages[k];

    sim_init(&s->sim, k);
    s->sim.yield_in_256 = 0;
    s->number = k;
    sim_hooks_init(&s->hooks, &s->sim);
    sim_device_init(&s->device, &s->sim, &config);
    s->copy = malloc(config.size_bytes);
    assert(s->copy != NULL);
  }
}

static void format(void *opaque)
{
  struct stage *s = opaque;
  int result = rdisk_core_format(&s->hooks.env, &s->device.io, &store_format);

  sim_require(&s->sim, result == 0, "errors", "format fails: %d", result);
}

static void make_store(void)
{
  struct stage *s = &stages[0];

  sim_spawn(&s->sim, "format", format, s);
  if (sim_run(&s->sim) == SIM_VIOLATED)
    die(s);
  fresh_store = malloc(s->device.config.size_bytes);
  assert(fresh_store != NULL);
  sim_device_remember(&s->device, fresh_store);
  for (unsigned k = 0; k <= depth; k++) {
    stages[k].device.on_event = maybe_crash;
    stages[k].device.on_event_opaque = &stages[k];
  }
}

static void try_script(void)
{
  struct stage *s = &stages[0];

  sim_model_init(&model, &s->sim, DISK, CELL);
  s->enumerated = UINT64_MAX;
  last_step = false;
  sim_spawn(&s->sim, "script", run_script, s);
  if (sim_run(&s->sim) == SIM_VIOLATED)
    die(s);
  last_step = false;
  sim_hooks_reset(&s->hooks);
  sim_device_restore(&s->device, fresh_store);
  sim_model_free(&model);
}

/* All scripts of this length. */
static void try_scripts(unsigned length, unsigned at)
{
  script[at] = '\0';
  if (at == length) {
    try_script();
    return;
  }
  for (const char *c = steps; *c != '\0'; c++) {
    script[at] = *c;
    script[at + 1] = '\0';
    try_scripts(length, at + 1);
  }
}

/* ---- main ------------------------------------------------------------------------------------ */

static const struct option long_options[] = {
  { "length", required_argument, NULL, 'l' }, { "depth", required_argument, NULL, 'd' },
  { "inline", required_argument, NULL, 'i' }, { "script", required_argument, NULL, 's' },
  { "verbose", no_argument, NULL, 'v' },      { NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
  unsigned length = 3;
  const char *one = NULL;
  bool verbose = false;
  int c;

  while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
    if (c == 'l')
      length = (unsigned)strtoul(optarg, NULL, 10);
    else if (c == 'd')
      depth = (unsigned)strtoul(optarg, NULL, 10);
    else if (c == 'i')
      inline_blocks = (uint32_t)strtoul(optarg, NULL, 10);
    else if (c == 's')
      one = optarg;
    else if (c == 'v')
      verbose = true;
    else
      depth = STAGES;
  }
  if (depth >= STAGES || length >= sizeof script || (one && strlen(one) >= sizeof script)) {
    fprintf(stderr, "usage: sim-exhaustive [--length N] [--depth 1..3] [--inline BLOCKS]\n"
                    "           [--script STEPS] [--verbose]\nsteps: %s\n", steps);
    return 2;
  }
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  make_stages();
  make_store();
  stages[0].sim.verbose = verbose;
  if (one != NULL) {
    strcpy(script, one);
    try_script();
  }
  for (unsigned n = 1; n <= length && one == NULL; n++)
    try_scripts(n, 0);
  printf("ok: %" PRIu64 " states\n", states);
  return 0;
}
