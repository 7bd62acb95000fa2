/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-judge.c - is a recovered state one that the rules allow?  The reasoning is
 * in sim-model.h: find an instant t and a verdict (seen, missing) for each request
 * that contradict nothing.  Stamped cells decide most; a zero cell may have come
 * from several requests, and decides only when one is left. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim-judge.h"

enum { UNKNOWN, SEEN, MISSING };

struct trial {
  struct sim_model *m;
  uint64_t low, high; /* t's bounds */
  bool undone;        /* t is a recover's: what is older is missing, not what is younger */
  bool failed;
};

static void fail(struct trial *trial, const char *what, uint64_t cell, uint32_t id)
{
  if (!trial->failed)
    snprintf(trial->m->why, sizeof trial->m->why,
             "%s: cell %" PRIu64 " (of %u bytes), request %u; the instant is within ticks %" PRIu64
             " to %" PRIu64,
             what, cell, trial->m->cell_bytes, id, trial->low, trial->high);
  trial->failed = true;
}

static void must_be_seen(struct trial *trial, struct sim_request *r, uint64_t cell)
{
  if (r->mark == MISSING)
    fail(trial, "D3: a request is there in parts", cell, r->id);
  if (!trial->undone && r->begin > trial->low)
    trial->low = r->begin;
  if (trial->undone && r->end < trial->high)
    trial->high = r->end;
  if (trial->low > trial->high)
    fail(trial, trial->undone ? "recover: a request is there that should be undone"
                              : "D1: a request is there that is younger than the cut",
         cell, r->id);
  r->mark = SEEN;
}

static void must_be_missing(struct trial *trial, struct sim_request *r, uint64_t cell)
{
  if (r->mark == SEEN)
    fail(trial, "D3: a request is missing in parts", cell, r->id);
  if (!trial->undone && r->end < trial->high)
    trial->high = r->end;
  if (trial->undone && r->begin > trial->low)
    trial->low = r->begin;
  if (trial->low > trial->high)
    fail(trial, trial->undone ? "recover: a request was undone that came after it"
                              : "D2: a request is missing that is older than the cut",
         cell, r->id);
  r->mark = MISSING;
}

/* W (0: the base) is what the cell shows: later ones are not in the state. */
static void shows(struct trial *trial, uint64_t cell, uint32_t w)
{
  struct sim_model *m = trial->m;
  uint64_t w_end = w == 0 ? 0 : m->requests[w].end;

  if (w != 0)
    must_be_seen(trial, &m->requests[w], cell);
  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    struct sim_request *r = &m->requests[m->nodes[n].request];

    if (!r->failed && w_end < r->begin)
      must_be_missing(trial, r, cell);
  }
}

static bool may_be_seen(const struct trial *trial, const struct sim_request *r)
{
  return r->mark != MISSING && (trial->undone ? r->end >= trial->low : r->begin <= trial->high);
}

static bool may_be_missing(const struct trial *trial, const struct sim_request *r)
{
  return r->mark != SEEN && (trial->undone ? r->begin <= trial->high : r->end >= trial->low);
}

/* Could W be it, by what is known so far? */
static bool may_show(const struct trial *trial, uint64_t cell, uint32_t w)
{
  const struct sim_model *m = trial->m;
  uint64_t w_end = w == 0 ? 0 : m->requests[w].end;

  if (w != 0 && !may_be_seen(trial, &m->requests[w]))
    return false;
  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    const struct sim_request *r = &m->requests[m->nodes[n].request];

    if (!r->failed && w_end < r->begin && !may_be_missing(trial, r))
      return false;
  }
  return true;
}

static void judge_stamped(struct trial *trial, uint64_t cell)
{
  struct sim_model *m = trial->m;

  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    const struct sim_request *r = &m->requests[m->nodes[n].request];

    if (r->id != m->found[cell])
      continue;
    if (r->failed)
      fail(trial, "D3: a request that failed is there", cell, r->id);
    else
      shows(trial, cell, m->nodes[n].request);
    return;
  }
  if (m->base[cell] == m->found[cell])
    shows(trial, cell, 0);
  else
    fail(trial, "D1: contents from before the last recovery", cell, m->found[cell]);
}

static void judge_zero(struct trial *trial, uint64_t cell)
{
  struct sim_model *m = trial->m;
  uint32_t only = 0;
  unsigned count = 0;

  if (m->base[cell] == 0 && may_show(trial, cell, 0))
    count++;
  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    const struct sim_request *r = &m->requests[m->nodes[n].request];

    if (r->zero && !r->failed && may_show(trial, cell, m->nodes[n].request)) {
      only = m->nodes[n].request;
      count++;
    }
  }
  if (count == 0)
    fail(trial, "D1: zeroes that nobody asked for", cell, 0);
  if (count == 1)
    shows(trial, cell, only);
}

/* Does an instant between LOW and HIGH explain what was found? */
static bool explains(struct sim_model *m, uint64_t low, uint64_t high, bool undone)
{
  struct trial trial = { .m = m, .low = low, .high = high, .undone = undone };

  if (low > high)
    return false;
  for (uint32_t i = 1; i < m->request_count; i++)
    m->requests[i].mark = UNKNOWN;
  for (uint64_t cell = 0; cell < m->cells && !trial.failed; cell++)
    if (m->found[cell] != 0)
      judge_stamped(&trial, cell);
  for (int pass = 0; pass < 2; pass++)
    for (uint64_t cell = 0; cell < m->cells && !trial.failed; cell++)
      if (m->found[cell] == 0 && (m->heads[cell] != 0 || m->base[cell] != 0))
        judge_zero(&trial, cell);
  return !trial.failed;
}

bool sim_model_find(struct sim_model *m, const unsigned char *disk)
{
  for (uint64_t cell = 0; cell < m->cells; cell++, disk += m->cell_bytes) {
    m->found[cell] = sim_model_cell(m, disk, cell);
    if (m->found[cell] == SIM_ALIEN) {
      snprintf(m->why, sizeof m->why,
               "D1: cell %" PRIu64 " (of %u bytes) holds nothing that was ever written: %016" PRIx64
               " %016" PRIx64,
               cell, m->cell_bytes, ((const uint64_t *)disk)[0], ((const uint64_t *)disk)[1]);
      return false;
    }
  }
  return true;
}

/* D2: not before the last checkpoint that succeeded began. */
static uint64_t earliest_cut(const struct sim_model *m)
{
  uint64_t earliest = 0;

  for (uint32_t i = 0; i < m->checkpoint_count; i++)
    if (m->checkpoints[i].ok && m->checkpoints[i].begin > earliest)
      earliest = m->checkpoints[i].begin;
  return earliest;
}

bool sim_model_judge(struct sim_model *m, const unsigned char *disk)
{
  uint64_t earliest = earliest_cut(m);

  snprintf(m->why, sizeof m->why, "no cut is possible");
  if (!sim_model_find(m, disk))
    return false;
  if (earliest == 0 && explains(m, 0, 0, false))
    return true;
  for (uint32_t i = 0; i < m->checkpoint_count; i++) {
    const struct sim_checkpoint *c = &m->checkpoints[i];

    if (explains(m, c->begin > earliest ? c->begin : earliest, c->end, false))
      return true;
  }
  return false;
}

bool sim_model_judge_undone(struct sim_model *m, const unsigned char *disk, uint64_t begin,
                            uint64_t end)
{
  return sim_model_find(m, disk) && explains(m, begin, end, true);
}

void sim_model_adopt(struct sim_model *m)
{
  memcpy(m->base, m->found, m->cells * sizeof *m->base);
  memset(m->heads, 0, m->cells * sizeof *m->heads);
  m->request_count = m->node_count = 1;
  m->checkpoint_count = 0;
  m->tolerant = m->undoing = false;
}
