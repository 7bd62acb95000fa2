/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of write buffers: a fixed number, in one arena, made at open.
 *
 * Contents of a buffer never change once it is in the hash, so that readers and
 * transfers need no lock to use it: a newer version is another buffer.  The
 * hash chain of a unit has its newest version first.
 */
#include "core.h"

static uint64_t slot_of(const struct rdisk_core *core, uint64_t unit)
{
  return (unit * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (core->hash_size - 1);
}

static bool allocate(struct rdisk_core *core)
{
  core->bufs = core_alloc(&core->env, core->buf_count * sizeof *core->bufs);
  core->arena = core_alloc(&core->env, core->buf_count * core->sb.unit_bytes);
  core->hash = core_alloc(&core->env, core->hash_size * sizeof *core->hash);
  return core->bufs && core->arena && core->hash;
}

int pool_create(struct rdisk_core *core, uint64_t buffer_bytes)
{
  core->buf_count = buffer_bytes / core->sb.unit_bytes;
  if (core->buf_count < 4)
    core->buf_count = 4;
  for (core->hash_size = 4; core->hash_size < core->buf_count;)
    core->hash_size *= 2;
  if (!allocate(core))
    return core_error(&core->env, RDISK_ENOMEM, "open: no memory for %u bytes of write buffers",
                      core->buf_count * core->sb.unit_bytes);
  for (uint64_t i = core->buf_count; i-- > 0;) {
    core->bufs[i].data = core->arena + i * core->sb.unit_bytes;
    core->bufs[i].chain = core->free_bufs;
    core->free_bufs = &core->bufs[i];
  }
  core->free_count = core->buf_count;
  core->space_last = &core->space_first;
  if (core->io->ops->buffers)
    core->io->ops->buffers(core->io, core->arena, core->buf_count * core->sb.unit_bytes);
  return 0;
}

static void destroy_extras(struct rdisk_core *core, struct buf_list *list)
{
  struct buf *next;

  for (struct buf *buf = list->first; buf; buf = next) {
    next = buf->next;
    if (buf->extra) {
      core_release(&core->env, buf->data, core->sb.unit_bytes);
      core_release(&core->env, buf, sizeof *buf);
    }
  }
}

void pool_destroy(struct rdisk_core *core)
{
  destroy_extras(core, &core->logged);
  destroy_extras(core, &core->logged_old);
  core_release(&core->env, core->bufs, core->buf_count * sizeof *core->bufs);
  core_release(&core->env, core->arena, core->buf_count * core->sb.unit_bytes);
  core_release(&core->env, core->hash, core->hash_size * sizeof *core->hash);
}

/* ---- taking and giving -------------------------------------------------------- */

/* In the order they are free: neighbours in memory stay neighbours, and a run of
 * them can be written as one piece (they are given back last one first). */
static void pop(struct rdisk_core *core, uint64_t count, struct buf **chain)
{
  core->free_count -= count;
  *chain = core->free_bufs;
  while (count-- > 0) {
    CORE_INVARIANT(core->free_bufs->state == BUF_FREE && core->free_bufs->refs == 0);
    chain = &core->free_bufs->chain;
    core->free_bufs = *chain;
  }
  *chain = NULL;
}

static void release(struct rdisk_core *core, struct buf *buf)
{
  if (buf->extra) {
    core_release(&core->env, buf->data, core->sb.unit_bytes);
    core_release(&core->env, buf, sizeof *buf);
    return;
  }
  buf->state = BUF_FREE;
  buf->dead = buf->superseded = false;
  buf->chain = core->free_bufs;
  core->free_bufs = buf;
  core->free_count++;
  if (!core->releasing)
    pool_wake(core);
}

void pool_wake(struct rdisk_core *core)
{
  if (core->space_first && core->free_count >= core->space_first->count)
    core_wake(core, RDISK_CHANNEL_SPACE);
}

/* First come, first served; those whose turn it is can all go at once. */
static bool served(const struct rdisk_core *core, const struct space_waiter *me)
{
  uint64_t before = 0;

  for (const struct space_waiter *w = core->space_first; w != me; w = w->next)
    before += w->count;
  return before + me->count <= core->free_count;
}

static int wait_for_space(struct rdisk_core *core, uint64_t count)
{
  struct space_waiter me = { NULL, count };
  uint64_t landings = 0;
  bool retried = false;
  int code = 0;

  *core->space_last = &me;
  core->space_last = &me.next;
  core->stats.writer_waits++;
  while (!code && !served(core, &me)) {
    if (core->failed) {
      code = core->failed;
    } else if (core->no_space && core->background.busy == 0 && retried &&
               landings == core->landings) {
      code = RDISK_ENOSPC; /* all was tried again, and nothing could be written */
    } else if (core->sealed && !core->committing) {
      code = commit_one(core); /* left over for want of room: it holds buffers */
    } else {
      retried = core->no_space;
      landings = core->landings;
      if (core->background.busy == 0)
        core->no_space = false;
      core_kick(core);
      core_wait(core, RDISK_CHANNEL_SPACE);
    }
  }
  for (struct space_waiter **at = &core->space_first;; at = &(*at)->next)
    if (*at == &me) {
      *at = me.next;
      if (core->space_last == &me.next)
        core->space_last = at;
      break;
    }
  if (code)
    core_wake(core, RDISK_CHANNEL_SPACE); /* those behind move up */
  return code;
}

int pool_take(struct rdisk_core *core, uint64_t count, struct buf **chain)
{
  CORE_INVARIANT(count <= core->buf_count);
  if (core->space_first || core->free_count < count) {
    int code = wait_for_space(core, count);

    if (code == RDISK_ENOSPC)
      return core_error(&core->env, code,
                        "write: the device that holds the store is full; make room there and "
                        "try again");
    if (code)
      return core->failed ? core_writable(core, "write") : code;
  }
  pop(core, count, chain);
  return 0;
}

struct buf *pool_extra(struct rdisk_core *core)
{
  struct buf *buf = core_alloc(&core->env, sizeof *buf);

  if (!buf)
    return NULL;
  buf->data = core_alloc(&core->env, core->sb.unit_bytes);
  buf->extra = true;
  if (!buf->data) {
    core_release(&core->env, buf, sizeof *buf);
    return NULL;
  }
  return buf;
}

void pool_give(struct rdisk_core *core, struct buf *chain)
{
  while (chain) {
    struct buf *next = chain->chain;

    release(core, chain);
    chain = next;
  }
}

/* ---- finding --------------------------------------------------------------------- */

struct buf *pool_newest(struct rdisk_core *core, uint64_t unit)
{
  struct buf *buf = core->hash[slot_of(core, unit)];

  while (buf && (buf->unit != unit || buf->superseded || buf->dead))
    buf = buf->hash_next;
  return buf;
}

struct buf *pool_find(struct rdisk_core *core, uint64_t unit, uint64_t interval)
{
  struct buf *buf = core->hash[slot_of(core, unit)];

  while (buf && (buf->unit != unit || buf->interval != interval || buf->dead))
    buf = buf->hash_next;
  return buf;
}

bool pool_unit_in_flight(struct rdisk_core *core, uint64_t unit)
{
  struct buf *buf = core->hash[slot_of(core, unit)];

  while (buf && !(buf->unit == unit && buf->in_flight))
    buf = buf->hash_next;
  return buf != NULL;
}

struct interval *buf_interval(struct rdisk_core *core, const struct buf *buf)
{
  return &core->intervals[buf->interval & 1];
}

/* ---- entering and leaving ---------------------------------------------------------- */

static void list_remove(struct buf *buf)
{
  struct buf_list *list = buf->list;

  *(buf->prev ? &buf->prev->next : &list->first) = buf->next;
  *(buf->next ? &buf->next->prev : &list->last) = buf->prev;
  list->count--;
  buf->list = NULL;
}

static void list_append(struct buf_list *list, struct buf *buf)
{
  buf->next = NULL;
  buf->prev = list->last;
  *(list->last ? &list->last->next : &list->first) = buf;
  list->last = buf;
  list->count++;
  buf->list = list;
}

void buf_move(struct buf *buf, struct buf_list *list)
{
  list_remove(buf);
  list_append(list, buf);
}

void buf_enter(struct rdisk_core *core, struct buf *buf, struct buf_list *list)
{
  uint64_t slot = slot_of(core, buf->unit);

  buf->hash_next = core->hash[slot];
  core->hash[slot] = buf;
  buf->dead = buf->superseded = buf->in_flight = false;
  list_append(list, buf);
}

static void unhash(struct rdisk_core *core, struct buf *buf)
{
  struct buf **at = &core->hash[slot_of(core, buf->unit)];

  while (*at != buf)
    at = &(*at)->hash_next;
  *at = buf->hash_next;
}

/* A dead buffer stays in the hash while a transfer of it is under way: nothing
 * else may be written to its place until then. */
static void bury(struct rdisk_core *core, struct buf *buf)
{
  if (buf->in_flight || buf->refs > 0)
    return;
  unhash(core, buf);
  release(core, buf);
}

void buf_drop(struct rdisk_core *core, struct buf *buf)
{
  if (!buf->dead) {
    if (buf->state == BUF_HELD || buf->state == BUF_DIRTY)
      buf_interval(core, buf)->unwritten--;
    list_remove(buf);
    buf->dead = true;
  }
  bury(core, buf);
}

void buf_unref(struct rdisk_core *core, struct buf *buf)
{
  if (--buf->refs == 0 && buf->dead)
    bury(core, buf);
}

/* ---- newer versions ------------------------------------------------------------------ */

static void supersede(struct rdisk_core *core, struct buf *buf)
{
  if (buf->state == BUF_LOGGED) {
    if (!buf->superseded)
      buf_move(buf, &core->logged_old);
    buf->superseded = true;
  } else if (buf->interval == core->open->number) {
    buf_drop(core, buf);
  } else {
    buf->superseded = true; /* the sealed interval still needs it */
  }
}

void pool_supersede(struct rdisk_core *core, uint64_t unit)
{
  struct buf *buf = core->hash[slot_of(core, unit)];

  while (buf) {
    struct buf *next = buf->hash_next;

    if (buf->unit == unit && !buf->dead)
      supersede(core, buf);
    buf = next;
  }
}

static void supersede_list(struct rdisk_core *core, struct buf_list *list, uint64_t first,
                           uint64_t count)
{
  struct buf *next;

  for (struct buf *buf = list->first; buf; buf = next) {
    next = buf->next;
    if (buf->unit - first < count)
      supersede(core, buf);
  }
}

void pool_supersede_range(struct rdisk_core *core, uint64_t first, uint64_t count)
{
  if (count <= core->buf_count) {
    for (uint64_t unit = first; unit < first + count; unit++)
      pool_supersede(core, unit);
    return;
  }
  supersede_list(core, &core->logged, first, count);
  for (unsigned i = 0; i < 2; i++) {
    supersede_list(core, &core->intervals[i].dirty, first, count);
    supersede_list(core, &core->intervals[i].held, first, count);
    supersede_list(core, &core->intervals[i].others, first, count);
  }
}

void interval_unretain(struct rdisk_core *core, struct interval *interval)
{
  struct buf *next;

  interval->retain = false;
  for (struct buf *buf = interval->others.last; buf; buf = next) {
    next = buf->prev;
    if (buf->state == BUF_WRITTEN)
      buf_drop(core, buf);
  }
}
