/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-workload.c - a client: random requests, each told to the oracle before and
 * after.  Requests are whole cells, which need not be blocks or units. */
#include "config.h"

#include <string.h>

#include "sim-world.h"

struct range {
  uint64_t offset, length;
};

/* Most requests are short, some span units, some are larger than the core's memory. */
static uint64_t pick_length(struct sim_world *w)
{
  struct sim *sim = &w->sim;
  uint64_t cell = w->config.cell_bytes, unit = w->unit_bytes;

  switch (sim_below(sim, 8)) {
  case 0:
    return cell;
  case 1:
    return cell * (1 + sim_below(sim, 2 * unit / cell));
  case 2:
  case 3:
    return unit * (1 + sim_below(sim, 8));
  case 4:
    return w->config.huge ? cell * (1 + sim_below(sim, w->model.cells)) : unit;
  default:
    return unit;
  }
}

/* At the end of a map's leaf, or at the beginning of the next. */
static struct range pick_near_leaf(struct sim_world *w)
{
  uint64_t size = w->config.format.size_bytes, cell = w->config.cell_bytes;
  uint64_t border = w->config.leaf_bytes * sim_below(&w->sim, size / w->config.leaf_bytes + 1);
  uint64_t before = cell * sim_below(&w->sim, 16 * w->unit_bytes / cell);
  struct range r = { border > before ? border - before : before, pick_length(w) };

  if (sim_one_in(&w->sim, 2))
    r.offset = r.offset / w->unit_bytes * w->unit_bytes;
  if (r.length > size - r.offset)
    r.length = size - r.offset;
  return r;
}

static struct range pick_range(struct sim_world *w)
{
  uint64_t cell = w->config.cell_bytes, size = w->config.format.size_bytes;
  uint64_t span = size, length = pick_length(w), grain = cell;
  struct range r;

  if (w->config.leaf_bytes != 0)
    return pick_near_leaf(w);
  if (w->config.scattered)
    return (struct range){ (1 + 2 * sim_below(&w->sim, size / w->unit_bytes / 2)) * w->unit_bytes -
                             (sim_one_in(&w->sim, 32) ? w->unit_bytes : 0),
                           w->unit_bytes };
  if (w->config.hot_units != 0 && !sim_one_in(&w->sim, 4) &&
      (uint64_t)w->config.hot_units * w->unit_bytes < size)
    span = (uint64_t)w->config.hot_units * w->unit_bytes;
  if (length % w->unit_bytes == 0 && span >= w->unit_bytes)
    grain = w->unit_bytes;
  r.offset = sim_below(&w->sim, span / grain) * grain;
  r.length = length < size - r.offset ? length : size - r.offset;
  return r;
}

/* Hand the range to CALL; a fraud does so in two parts. */
static int in_parts(struct sim_world *w, struct range r, const unsigned char *bytes,
                    int (*call)(struct sim_world *, const unsigned char *, struct range))
{
  struct range head = r, tail = r;
  int result;

  if (!w->config.frauds.split || r.length < 2 * w->config.cell_bytes)
    return call(w, bytes, r);
  head.length = r.length / w->config.cell_bytes / 2 * w->config.cell_bytes;
  tail.offset += head.length;
  tail.length -= head.length;
  result = call(w, bytes, head);
  return result != 0 ? result : call(w, bytes + head.length, tail);
}

static int call_write(struct sim_world *w, const unsigned char *bytes, struct range r)
{
  return rdisk_core_write(w->core, bytes, r.length, r.offset);
}

static void client_write(struct sim_client *client)
{
  struct sim_world *w = client->world;
  struct range r = pick_range(w);
  uint32_t request = sim_model_begin(&w->model, false, r.offset, r.length);
  int result;

  sim_trace(&w->sim, "write %" PRIu64 ": %" PRIu64 " + %" PRIu64, w->model.requests[request].id,
            r.offset, r.length, 0);
  sim_model_fill(&w->model, request, client->buffer, r.offset, r.length);
  result = in_parts(w, r, client->buffer, call_write);
  memset(client->buffer, 0x77, r.length); /* the store owns a copy */
  sim_trace(&w->sim, "write %" PRIu64 " done: %" PRId64, w->model.requests[request].id,
            (uint64_t)(int64_t)result, 0, 0);
  sim_model_end(&w->model, request, result);
  sim_world_expect(w, "write", result);
}

static void client_read(struct sim_client *client)
{
  struct sim_world *w = client->world;
  struct range r = pick_range(w);
  unsigned char *buffer = client->buffer + (sim_one_in(&w->sim, 2) ? 8 : 0);
  uint64_t begin = sim_tick(&w->sim);
  int result;

  sim_trace(&w->sim, "read %" PRIu64 " + %" PRIu64, r.offset, r.length, 0, 0);
  memset(buffer, 0xa5, r.length);
  result = rdisk_core_read(w->core, buffer, r.length, r.offset);
  sim_world_expect(w, "read", result);
  if (result == 0 && w->device.io.read_only)
    sim_require(&w->sim, memcmp(buffer, w->disk + r.offset, r.length) == 0, "read",
                "%" PRIu64 " + %" PRIu64 " changed in a store open for reading", r.offset,
                r.length);
  else if (result == 0)
    sim_model_check_read(&w->model, buffer, r.offset, r.length, begin);
}

static void client_zero(struct sim_client *client)
{
  static const uint32_t flags[4] = { 0, RDISK_NO_HOLE, RDISK_FAST_ZERO,
                                     RDISK_NO_HOLE | RDISK_FAST_ZERO };
  struct sim_world *w = client->world;
  struct range r = pick_range(w);
  uint32_t request = sim_model_begin(&w->model, true, r.offset, r.length);
  uint32_t chosen = flags[sim_below(&w->sim, 4)];
  int result;

  sim_trace(&w->sim, "zero %" PRIu64 ": %" PRIu64 " + %" PRIu64 " flags %" PRIu64,
            w->model.requests[request].id, r.offset, r.length, chosen);
  result = rdisk_core_zero(w->core, r.length, r.offset, chosen);
  sim_model_end(&w->model, request, result);
  if (result != RDISK_ENOTSUP || !(chosen & RDISK_FAST_ZERO))
    sim_world_expect(w, "zero", result);
}

/* Only whole units read as zero afterwards. */
static void client_trim(struct sim_client *client)
{
  struct sim_world *w = client->world;
  struct range r = pick_range(w);
  uint64_t unit = w->unit_bytes, whole = w->config.format.size_bytes / unit * unit;
  uint64_t first, end;
  uint32_t request;
  int result;

  if (r.offset + r.length > whole)
    r.length = r.offset < whole ? whole - r.offset : 0;
  if (r.length == 0)
    return;
  first = (r.offset + unit - 1) / unit * unit;
  end = (r.offset + r.length) / unit * unit;
  request = sim_model_begin(&w->model, true, first, end > first ? end - first : 0);
  sim_trace(&w->sim, "trim %" PRIu64 ": %" PRIu64 " + %" PRIu64, w->model.requests[request].id,
            r.offset, r.length, 0);
  result = rdisk_core_trim(w->core, r.length, r.offset);
  sim_model_end(&w->model, request, result);
  sim_world_expect(w, "trim", result);
}

static void client_checkpoint(struct sim_client *client)
{
  struct sim_world *w = client->world;
  uint32_t checkpoint = sim_model_checkpoint_begin(&w->model);
  uint64_t sequence = 0;
  int result = 0;

  sim_trace(&w->sim, "checkpoint", 0, 0, 0, 0);
  if (!w->config.frauds.skip || !sim_one_in(&w->sim, 4))
    result = rdisk_core_checkpoint(w->core, &sequence);
  sim_model_checkpoint_end(&w->model, checkpoint, result, sequence);
  sim_trace(&w->sim, "checkpoint done: %" PRId64 ", sequence %" PRIu64,
            (uint64_t)(int64_t)result, sequence, 0, 0);
  sim_world_expect(w, "checkpoint", result);
}

/* A store open for reading is as it was found, which the oracle may not have adopted. */
static bool may_be_zero(struct sim_world *w, uint64_t offset, uint64_t length, uint64_t begin)
{
  if (!w->device.io.read_only)
    return sim_model_may_be_zero(&w->model, offset, length, begin);
  for (uint64_t i = offset; i < offset + length; i++)
    if (w->disk[i] != 0)
      return false;
  return true;
}

struct extents {
  struct sim_world *world;
  uint64_t at, begin;
};

static int check_extent(void *opaque, uint64_t offset, uint64_t length_bytes, bool zero)
{
  struct extents *e = opaque;
  struct sim_world *w = e->world;

  sim_require(&w->sim, offset == e->at && length_bytes != 0, "extents",
              "an extent at %" PRIu64 " + %" PRIu64 " follows the one up to %" PRIu64, offset,
              length_bytes, e->at);
  sim_require(&w->sim, !zero || may_be_zero(w, offset, length_bytes, e->begin),
              "extents", "%" PRIu64 " + %" PRIu64 " is called zero and is not", offset,
              length_bytes);
  e->at = offset + length_bytes;
  return sim_one_in(&w->sim, 16) ? 12345 : 0;
}

static void client_extents(struct sim_client *client)
{
  struct sim_world *w = client->world;
  struct range r = pick_range(w);
  struct extents e = { w, r.offset, sim_tick(&w->sim) };
  int result = rdisk_core_extents(w->core, r.length, r.offset, check_extent, &e);

  sim_trace(&w->sim, "extents %" PRIu64 " + %" PRIu64 ": %" PRId64, r.offset, r.length,
            (uint64_t)(int64_t)result, 0);
  if (result == 12345)
    return;
  sim_world_expect(w, "extents", result);
  sim_require(&w->sim, result != 0 || e.at == r.offset + r.length, "extents",
              "of %" PRIu64 " + %" PRIu64 " end at %" PRIu64, r.offset, r.length, e.at);
}

static void client_drain(struct sim_client *client)
{
  struct sim_world *w = client->world;
  int result = rdisk_core_drain(w->core);

  sim_trace(&w->sim, "drain: %" PRId64, (uint64_t)(int64_t)result, 0, 0, 0);
  sim_world_expect(w, "drain", result);
}

static void operate(struct sim_client *client)
{
  const struct sim_weights *weights = &client->world->weights;
  const struct {
    unsigned weight;
    void (*operation)(struct sim_client *);
  } table[] = {
    { weights->write, client_write },   { weights->read, client_read },
    { weights->zero, client_zero },     { weights->trim, client_trim },
    { weights->drain, client_drain },   { weights->checkpoint, client_checkpoint },
    { weights->extents, client_extents },
  };
  unsigned count = sizeof table / sizeof *table, sum = 0, i = 0;
  uint64_t dice;

  for (unsigned k = 0; k < count; k++)
    sum += table[k].weight;
  dice = sim_below(&client->world->sim, sum);
  while (dice >= table[i].weight)
    dice -= table[i++].weight;
  table[i].operation(client);
}

void sim_workload_client(void *opaque)
{
  struct sim_client *client = opaque;
  struct sim_world *w = client->world;
  uint64_t operations = 1 + sim_below(&w->sim, w->config.operations);

  while (operations-- > 0) {
    operate(client);
    sim_switch_point(&w->sim);
  }
  if (--w->clients_left == 0)
    sim_wake(&w->sim, sim_channel_clients);
}
