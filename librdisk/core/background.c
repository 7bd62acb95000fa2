/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes on behind the callers' backs, one round a call: writing data behind,
 * moving logged data home, giving places back, roots. */
#include "core.h"

static bool starved(const struct rdisk_core *core)
{
  return core->space_first && core->free_count < core->space_first->count;
}

bool write_behind_due(const struct rdisk_core *core)
{
  return core->open->dirty.count >= core->write_behind_units ||
         (core->open->dirty.count > 0 && (starved(core) || core->drain_wanted));
}

static bool write_behind(struct rdisk_core *core)
{
  struct interval *open = core->open;

  if (starved(core) && open->retain)
    interval_unretain(core, open);
  if (write_behind_due(core))
    return writeback_round(core, &core->background, &open->dirty);
  if (core->background.busy > 0)
    lane_run(core, &core->background, 0, 1);
  return core->background.busy > 0;
}

static bool one_round(struct rdisk_core *core)
{
  bool more = write_behind(core);

  if (home_due(core) || starved(core))
    more = home_round(core, &core->background) || more;
  if (core->discards)
    more = discard_round(core) || more;
  if (root_due(core) && !core->rooting && !core->failed)
    more = root_write(core, &core->background, 0, NULL) == 0 || more;
  return more;
}

bool rdisk_core_background(struct rdisk_core *core)
{
  bool more = false;

  core_lock(core);
  if (!core->read_only && !core->failed) {
    bool short_of_space = core->no_space;

    more = one_round(core);
    if (short_of_space && core->no_space)
      more = core->background.busy > 0; /* again when kicked, not at once */
  } else if (core->background.busy > 0) {
    lane_run(core, &core->background, 0, core->background.busy);
  }
  if (core->drain_wanted && core->open->dirty.count == 0) {
    core->drain_wanted = false;
    core_wake(core, RDISK_CHANNEL_IO); /* what was waited for may have been dropped */
  }
  core_unlock(core);
  return more;
}

void rdisk_core_idle(struct rdisk_core *core)
{
  core_lock(core);
  if (!core->read_only && !core->failed && !core->committing && !core->sealed &&
      !core->vouched && log_has_room(core, 1)) {
    core->committing = true;
    log_write_empty(core);
    core->committing = false;
    core_wake(core, RDISK_CHANNEL_COMMIT);
  }
  while (!core->read_only && !core->failed && !core->no_space && core->logged.count > 0 &&
         home_round(core, &core->background))
    ;
  core_unlock(core);
}
