/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk check: a store that nobody writes is gone through, read-only.
 *
 * Opening it has already tried the roots, the chain and the newest record (D1,
 * D5); what is left is what an open does lazily: every page of the map.
 */
#include "core.h"

struct check {
  struct rdisk_env env; /* of the caller, with our hooks in front */
  const struct rdisk_env *outer;
  rdisk_report_fn *report;
  rdisk_progress_fn *progress;
  void *opaque;
  uint64_t findings, done, total;
  bool stopped;
};

static void on_error(void *opaque, int code, const char *line);

/* The hooks of the caller get the caller's opaque. */
static void *check_alloc(void *opaque, size_t bytes)
{
  struct check *c = opaque;
  return c->outer->alloc(c->outer->opaque, bytes);
}
static void check_release(void *opaque, void *memory, size_t bytes)
{
  struct check *c = opaque;
  c->outer->release(c->outer->opaque, memory, bytes);
}
static void check_lock(void *opaque)
{
  struct check *c = opaque;
  c->outer->lock(c->outer->opaque);
}
static void check_unlock(void *opaque)
{
  struct check *c = opaque;
  c->outer->unlock(c->outer->opaque);
}
static void check_wait(void *opaque, enum rdisk_channel channel)
{
  struct check *c = opaque;
  c->outer->wait(c->outer->opaque, channel);
}
static void check_wake(void *opaque, enum rdisk_channel channel)
{
  struct check *c = opaque;
  c->outer->wake(c->outer->opaque, channel);
}
static void check_kick(void *opaque)
{
  (void)opaque; /* nothing is written, so there is nothing to do behind */
}

/* What opening warns of is a finding too, unless any crash may leave it. */
static void check_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  struct check *c = opaque;

  c->report(c->opaque, level, "D5", line);
}

static void on_error(void *opaque, int code, const char *line)
{
  struct check *c = opaque;

  if (code == RDISK_EDAMAGED) {
    c->findings++;
    c->report(c->opaque, RDISK_LOG_ERROR, "D5", line);
  } else if (c->outer->error) {
    c->outer->error(c->outer->opaque, code, line);
  }
}

static void make_env(struct check *c)
{
  c->env = (struct rdisk_env){
    .opaque = c, .alloc = check_alloc, .release = check_release, .lock = check_lock,
    .unlock = check_unlock, .wait = check_wait, .wake = check_wake, .kick = check_kick,
    .log = check_log, .error = on_error,
  };
}

static int tick(struct check *c, uint64_t pages)
{
  c->done += pages;
  if (c->progress && c->progress(c->opaque, "check", c->done, c->total)) {
    c->stopped = true;
    return RDISK_ETIMEDOUT;
  }
  return 0;
}

/* Load the leaf of UNIT, whatever is wrong with its pages; *next: where to go on.  A
 * damaged page is one finding, however many leaves are below it. */
static int visit(struct rdisk_core *core, uint64_t unit, uint64_t *next)
{
  int code;

  core_lock(core);
  code = map_load(core, unit, unit, MAP_READ);
  *next = (unit / core->map.leaf_units + 1) * core->map.leaf_units;
  if (!map_leaf(core, unit))
    *next = map_skip(core, unit);
  core_unlock(core);
  return code;
}

/* Both copies are written once and never again, so one that is not good is
 * damaged, whatever happened since. */
static void check_superblocks(struct check *c, struct rdisk_core *core)
{
  for (unsigned i = 0; i < 2; i++) {
    struct superblock sb;
    int code = device_read(core, core->pages, FORMAT_SB_BYTES, i * (uint64_t)FORMAT_SECTION,
                           RDISK_IO_UNCACHED);

    if (code || superblock_decode(&sb, core->pages) != SB_GOOD)
      core_error(&c->env, RDISK_EDAMAGED, "the superblock at offset %u is damaged (D5)",
                 i * (uint64_t)FORMAT_SECTION);
  }
}

static int check_map(struct check *c, struct rdisk_core *core)
{
  uint64_t unit = 0, next;

  c->total = format_divide_up(core->units, core->map.leaf_units);
  while (unit < core->units) {
    int code = visit(core, unit, &next);

    if (code && code != RDISK_EDAMAGED)
      return code;
    if (tick(c, format_divide_up(next - unit, core->map.leaf_units)))
      return RDISK_ETIMEDOUT;
    unit = next;
  }
  return 0;
}

int rdisk_core_check(const struct rdisk_env *env, struct rdisk_io *io,
                     rdisk_report_fn *report, rdisk_progress_fn *progress, void *opaque)
{
  struct check c = { .outer = env, .report = report, .progress = progress, .opaque = opaque };
  struct rdisk_core_options options = { .read_only = true };
  struct rdisk_core *core;
  int code;

  make_env(&c);
  code = rdisk_core_open(&c.env, io, &options, &core);
  if (code)
    return code;
  check_superblocks(&c, core);
  code = check_map(&c, core);
  rdisk_core_close(core, true);
  return code ? code : c.findings ? RDISK_EDAMAGED : 0;
}
