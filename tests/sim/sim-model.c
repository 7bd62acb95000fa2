/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-model.c - the oracle's memory of the calls, and what reads may return.
 * See sim-model.h; the judgement of a recovered state is in sim-judge.c. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim-judge.h"
#include "sim-model.h"

void sim_model_init(struct sim_model *m, struct sim *sim, uint64_t disk_bytes,
                    uint32_t cell_bytes)
{
  *m = (struct sim_model){ .sim = sim, .cell_bytes = cell_bytes, .next_id = 1 };
  m->cells = disk_bytes / cell_bytes;
  m->base = calloc(m->cells, sizeof *m->base);
  m->found = calloc(m->cells, sizeof *m->found);
  m->heads = calloc(m->cells, sizeof *m->heads);
  assert(m->base && m->found && m->heads && m->cells * cell_bytes == disk_bytes);
  m->request_count = m->node_count = 1;
}

void sim_model_free(struct sim_model *m)
{
  free(m->base);
  free(m->found);
  free(m->heads);
  free(m->requests);
  free(m->nodes);
  free(m->checkpoints);
}

static void *grow(void *array, uint32_t count, uint32_t *room, size_t element_bytes)
{
  if (count < *room)
    return array;
  *room = *room ? 2 * *room : 64;
  array = realloc(array, *room * element_bytes);
  assert(array != NULL);
  return array;
}

/* ---- contents of a cell ---------------------------------------------------------- */

static uint64_t stamp(uint32_t id, uint64_t cell)
{
  return (uint64_t)id << 32 | cell;
}

static void fill_cell(uint64_t *words, unsigned count, uint64_t first_word)
{
  uint64_t x = sim_mix(first_word);

  words[0] = first_word;
  for (unsigned i = 1; i < count; i++)
    words[i] = x ^ i;
}

static bool cell_holds(const uint64_t *words, unsigned count, uint64_t first_word)
{
  uint64_t x = sim_mix(first_word), differs = words[0] ^ first_word;

  for (unsigned i = 1; i < count; i++)
    differs |= words[i] ^ x ^ i;
  return differs == 0;
}

static bool cell_is_zero(const uint64_t *words, unsigned count)
{
  uint64_t any = 0;

  for (unsigned i = 0; i < count; i++)
    any |= words[i];
  return any == 0;
}

uint32_t sim_model_cell(const struct sim_model *m, const unsigned char *bytes, uint64_t cell)
{
  const uint64_t *words = (const uint64_t *)bytes;
  unsigned count = m->cell_bytes / 8;

  if ((uint32_t)words[0] == cell && words[0] >> 32 != 0 && cell_holds(words, count, words[0]))
    return (uint32_t)(words[0] >> 32);
  return words[0] == 0 && cell_is_zero(words, count) ? 0 : SIM_ALIEN;
}

void sim_model_fill(const struct sim_model *m, uint32_t request, unsigned char *bytes,
                    uint64_t offset, uint64_t length)
{
  uint64_t cell = offset / m->cell_bytes, end = cell + length / m->cell_bytes;

  for (; cell < end; cell++, bytes += m->cell_bytes)
    fill_cell((uint64_t *)bytes, m->cell_bytes / 8, stamp(m->requests[request].id, cell));
}

/* ---- calls --------------------------------------------------------------------------- */

static void add_to_history(struct sim_model *m, uint64_t cell, uint32_t request)
{
  m->nodes = grow(m->nodes, m->node_count, &m->node_room, sizeof *m->nodes);
  m->nodes[m->node_count] = (struct sim_node){ request, m->heads[cell] };
  m->heads[cell] = m->node_count++;
}

uint32_t sim_model_begin(struct sim_model *m, bool zero, uint64_t offset, uint64_t length)
{
  uint32_t request = m->request_count;
  struct sim_request *r;

  assert(offset % m->cell_bytes == 0 && length % m->cell_bytes == 0);
  m->requests = grow(m->requests, m->request_count, &m->request_room, sizeof *m->requests);
  r = &m->requests[m->request_count++];
  *r = (struct sim_request){ .id = m->next_id++,
                             .zero = zero,
                             .first = offset / m->cell_bytes,
                             .count = length / m->cell_bytes,
                             .begin = sim_tick(m->sim),
                             .end = UINT64_MAX };
  for (uint64_t i = 0; i < r->count; i++)
    add_to_history(m, r->first + i, request);
  return request;
}

void sim_model_end(struct sim_model *m, uint32_t request, int result)
{
  m->requests[request].end = sim_tick(m->sim);
  m->requests[request].failed = result != 0;
}

uint32_t sim_model_checkpoint_begin(struct sim_model *m)
{
  m->checkpoints =
      grow(m->checkpoints, m->checkpoint_count, &m->checkpoint_room, sizeof *m->checkpoints);
  m->checkpoints[m->checkpoint_count] =
      (struct sim_checkpoint){ .begin = sim_tick(m->sim), .end = UINT64_MAX };
  return m->checkpoint_count++;
}

void sim_model_checkpoint_end(struct sim_model *m, uint32_t checkpoint, int result,
                              uint64_t sequence)
{
  struct sim_checkpoint *c = &m->checkpoints[checkpoint];

  c->end = sim_tick(m->sim);
  c->ok = result == 0;
  c->failed = result != 0;
  c->sequence = sequence;
  if (c->ok && sequence > m->sequence)
    m->sequence = sequence;
}

/* ---- reads ------------------------------------------------------------------------------ */

/* Had request W (0: the base) been overwritten before tick BEGIN? */
static bool overwritten(const struct sim_model *m, uint64_t cell, uint32_t w, uint64_t begin)
{
  uint64_t w_end = w == 0 ? 0 : m->requests[w].end;

  if (m->undoing)
    return false;
  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    const struct sim_request *r = &m->requests[m->nodes[n].request];

    if (!r->failed && r->end < begin && w_end < r->begin)
      return true;
  }
  return false;
}

static bool may_read(const struct sim_model *m, uint64_t cell, uint32_t id, uint64_t begin)
{
  for (uint32_t n = m->heads[cell]; n != 0; n = m->nodes[n].next) {
    const struct sim_request *r = &m->requests[m->nodes[n].request];

    if ((!r->failed || m->tolerant) && (r->zero ? id == 0 : id == r->id) &&
        !overwritten(m, cell, m->nodes[n].request, begin))
      return true;
  }
  return m->base[cell] == id && !overwritten(m, cell, 0, begin);
}

void sim_model_check_read(struct sim_model *m, const unsigned char *bytes, uint64_t offset,
                          uint64_t length, uint64_t begin)
{
  uint64_t cell = offset / m->cell_bytes, end = cell + length / m->cell_bytes;

  for (; cell < end; cell++, bytes += m->cell_bytes) {
    uint32_t id = sim_model_cell(m, bytes, cell);

    sim_require(m->sim, id != SIM_ALIEN, "read",
                "cell %" PRIu64 " (of %u bytes) reads as nothing that was ever written: %016" PRIx64
                " %016" PRIx64,
                cell, m->cell_bytes, ((const uint64_t *)bytes)[0], ((const uint64_t *)bytes)[1]);
    sim_require(m->sim, may_read(m, cell, id, begin), "read",
                "cell %" PRIu64 " (of %u bytes) reads as request %u, which is %s; base %u", cell,
                m->cell_bytes, id, id ? "not its newest" : "zero", m->base[cell]);
  }
}

bool sim_model_may_be_zero(struct sim_model *m, uint64_t offset, uint64_t length,
                           uint64_t begin)
{
  uint64_t cell = offset / m->cell_bytes;
  uint64_t end = (offset + length + m->cell_bytes - 1) / m->cell_bytes;

  for (; cell < end; cell++)
    if (!may_read(m, cell, 0, begin))
      return false;
  return true;
}
