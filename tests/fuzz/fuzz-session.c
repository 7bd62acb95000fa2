/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-session.c - the calls, and a small model of what they wrote.
 *
 * The model knows units that this session has written or zeroed whole.  A read may
 * fail (the store may be damaged anywhere), and so may opening the store again
 * (something may lie in wait in its log); but what is read must be right.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz-session.h"

enum {
  KNOWN_MAX = 256,
  STEPS_MAX = 60,
  READ_MAX = 128 << 10,
  EXTENTS_MAX = 32,
  WRITE_UNITS_MAX = 40
};

struct known {
  uint64_t unit;
  uint32_t version; /* 0: zero */
  bool valid;
};

struct model {
  struct known known[KNOWN_MAX];
  unsigned count;
};

struct session {
  struct fuzz_env *env;
  struct fuzz_device *device;
  struct fuzz_input *in;
  struct rdisk_core *core;
  struct rdisk_core_options options;
  uint64_t size_bytes, units;
  uint32_t unit_bytes;
  struct model now, committed;
  uint32_t version;
  unsigned char *data; /* READ_MAX bytes or WRITE_UNITS_MAX units */
};

static int begin(struct session *s)
{
  fuzz_env_begin_call(s->env);
  return 0;
}

static int end(struct session *s, int code)
{
  return fuzz_env_end_call(s->env, code);
}

#define CALL(s, call) (begin(s), end(s, (call)))

/* ---- opening and closing -------------------------------------------------------------- */

static int open_store(struct session *s)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  int code;

  begin(s);
  code = rdisk_core_open(&s->env->env, &s->device->io, &s->options, &s->core);
  s->env->core = code ? NULL : s->core;
  end(s, code);
  if (code) {
    fuzz_env_expect_empty(s->env);
    return code;
  }
  rdisk_core_info(s->core, &info);
  fuzz_require(info.block_bytes >= 512 && info.unit_bytes >= info.block_bytes &&
                 info.size_bytes % info.block_bytes == 0 && info.size_bytes > 0 &&
                 info.store_bytes <= s->device->io.size_bytes &&
                 memchr(info.label, 0, sizeof info.label),
               "a store was opened that cannot be");
  s->size_bytes = info.size_bytes;
  s->unit_bytes = info.unit_bytes;
  s->units = info.size_bytes / info.unit_bytes; /* whole ones */
  if (s->data == NULL)
    s->data = malloc(READ_MAX + (size_t)WRITE_UNITS_MAX * s->unit_bytes);
  fuzz_require(s->data != NULL, "the fuzzer has no memory");
  return 0;
}

static int close_store(struct session *s, bool abandon)
{
  int code;

  begin(s);
  s->env->core = NULL;
  code = end(s, rdisk_core_close(s->core, abandon));
  fuzz_env_expect_empty(s->env);
  s->core = NULL;
  return code;
}

/* ---- looking --------------------------------------------------------------------------- */

struct looked {
  uint64_t offset, end;
  unsigned count;
  struct {
    uint64_t offset, length;
  } data[EXTENTS_MAX];
};

static int on_extent(void *opaque, uint64_t offset, uint64_t length, bool zero)
{
  struct looked *l = opaque;

  fuzz_require(offset == l->offset && length > 0 && length <= l->end - offset,
               "an extent of %llu bytes at %llu", (unsigned long long)length,
               (unsigned long long)offset);
  l->offset += length;
  if (!zero) {
    l->data[l->count].offset = offset;
    l->data[l->count++].length = length;
  }
  return l->count == EXTENTS_MAX ? RDISK_ETIMEDOUT : 0;
}

static void read_some(struct session *s, uint64_t offset, uint64_t length)
{
  if (length > READ_MAX)
    length = READ_MAX;
  CALL(s, rdisk_core_read(s->core, s->data, (size_t)length, offset));
}

static void look(struct session *s)
{
  struct looked l = { .end = s->size_bytes };
  int code = CALL(s, rdisk_core_extents(s->core, s->size_bytes, 0, on_extent, &l));

  fuzz_require(code || l.offset == l.end, "extents end at %llu", (unsigned long long)l.offset);
  for (unsigned i = 0; i < l.count; i++)
    read_some(s, l.data[i].offset, l.data[i].length);
  read_some(s, 0, s->size_bytes);
}

static int on_checkpoint(void *opaque, const struct rdisk_checkpoint_info *info)
{
  (void)opaque;
  fuzz_require(info->struct_bytes == sizeof *info, "a checkpoint's size");
  return 0;
}

static void ask(struct session *s)
{
  struct rdisk_stats stats = RDISK_STATS_INIT;

  rdisk_core_stats(s->core, &stats);
  CALL(s, rdisk_core_list(s->core, on_checkpoint, NULL));
}

/* ---- the model ---------------------------------------------------------------------------- */

static void fill_unit(unsigned char *data, uint32_t bytes, uint64_t unit, uint32_t version)
{
  uint64_t word = version ? (unit + 1) * UINT64_C(0x9e3779b97f4a7c15) + version : 0;

  for (uint32_t i = 0; i < bytes; i += 8, word += version != 0)
    memcpy(data + i, &word, 8);
}

static void forget(struct model *model, uint64_t first, uint64_t count)
{
  for (unsigned i = 0; i < model->count; i++)
    if (model->known[i].unit - first < count)
      model->known[i].valid = false;
}

static void learn(struct model *model, uint64_t first, uint64_t count, uint32_t version)
{
  forget(model, first, count);
  for (uint64_t unit = first; count > 0 && model->count < KNOWN_MAX; unit++, count--)
    model->known[model->count++] = (struct known){ unit, version, true };
}

static void verify(struct session *s)
{
  unsigned char *want = s->data + s->unit_bytes;

  for (unsigned i = 0; i < s->now.count; i++) {
    const struct known *known = &s->now.known[i];

    if (!known->valid || CALL(s, rdisk_core_read(s->core, s->data, s->unit_bytes,
                                                 known->unit * s->unit_bytes)))
      continue;
    fill_unit(want, s->unit_bytes, known->unit, known->version);
    fuzz_require(memcmp(s->data, want, s->unit_bytes) == 0, "unit %llu is not version %u of it",
                 (unsigned long long)known->unit, known->version);
  }
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Near the start, near the end, or at a leaf's border. */
static uint64_t pick_unit(struct session *s)
{
  unsigned value = fuzz_u8(s->in);

  if (value < 96)
    return value % s->units;
  if (value < 160)
    return s->units - 1 - (value - 96) % s->units;
  return ((value - 159) * UINT64_C(16384) - 2) % s->units;
}

static uint64_t pick_count(struct session *s, uint64_t unit)
{
  uint64_t count = 1 + fuzz_u8(s->in) % WRITE_UNITS_MAX;

  return count < s->units - unit ? count : s->units - unit;
}

/* What a failed call has left is known only if it cannot have failed half-way. */
static void account(struct session *s, int code, uint64_t first, uint64_t count, uint32_t version)
{
  if (code == RDISK_EFAILED)
    forget(&s->now, first, count);
  else if (!code)
    learn(&s->now, first, count, version);
}

static void step_write(struct session *s)
{
  uint64_t unit = pick_unit(s), count = pick_count(s, unit);

  s->version++;
  for (uint64_t i = 0; i < count; i++)
    fill_unit(s->data + i * s->unit_bytes, s->unit_bytes, unit + i, s->version);
  account(s, CALL(s, rdisk_core_write(s->core, s->data, (size_t)count * s->unit_bytes,
                                      unit * s->unit_bytes)), unit, count, s->version);
}

static void step_partial(struct session *s)
{
  uint64_t offset = pick_unit(s) * s->unit_bytes + fuzz_number(s->in, 2) % s->unit_bytes;
  uint64_t bytes = fuzz_number(s->in, 2), first = offset / s->unit_bytes;

  bytes = bytes < s->size_bytes - offset ? bytes : s->size_bytes - offset;
  memset(s->data, 0x5a, (size_t)bytes);
  forget(&s->now, first, (offset + bytes) / s->unit_bytes - first + 1);
  CALL(s, rdisk_core_write(s->core, s->data, (size_t)bytes, offset));
}

static void step_zero(struct session *s, bool trim)
{
  uint64_t unit = pick_unit(s), count = pick_count(s, unit), at, bytes;

  if (count == WRITE_UNITS_MAX)
    count = s->units - unit;
  at = unit * s->unit_bytes;
  bytes = count * s->unit_bytes;
  account(s, trim ? CALL(s, rdisk_core_trim(s->core, bytes, at))
                  : CALL(s, rdisk_core_zero(s->core, bytes, at, 0)),
          unit, count < KNOWN_MAX ? count : 0, 0);
  if (count >= KNOWN_MAX)
    forget(&s->now, unit, count);
}

static void step_checkpoint(struct session *s)
{
  uint64_t sequence;
  int code = CALL(s, rdisk_core_checkpoint(s->core, &sequence));

  if (!code)
    s->committed = s->now;
  else
    s->committed.count = 0; /* it may have been committed or not */
}

/* Close it or not, open it again, and see. */
static int step_reopen(struct session *s, bool abandon)
{
  int code = close_store(s, abandon);

  if (code)
    s->committed.count = 0;
  s->now = s->committed;
  code = open_store(s);
  if (!code)
    verify(s);
  return code;
}

static int step(struct session *s)
{
  switch (fuzz_u8(s->in) % 14) {
  case 0:
  case 1: step_write(s); break;
  case 2: step_partial(s); break;
  case 3: step_zero(s, false); break;
  case 4: step_zero(s, true); break;
  case 5:
  case 6: step_checkpoint(s); break;
  case 7: CALL(s, rdisk_core_drain(s->core)); break;
  case 8:
    if (!CALL(s, rdisk_core_recover(s->core)))
      s->now = s->committed;
    verify(s);
    break;
  case 9: begin(s), rdisk_core_idle(s->core), end(s, 0); break;
  case 10: look(s); break;
  case 11: verify(s); break;
  case 12: return step_reopen(s, false);
  default: return step_reopen(s, true);
  }
  return 0;
}

/* ---- sessions ----------------------------------------------------------------------------- */

static void session_start(struct session *s, struct fuzz_env *env, struct fuzz_device *device,
                          struct fuzz_input *in)
{
  memset(s, 0, sizeof *s);
  s->env = env;
  s->device = device;
  s->in = in;
}

void fuzz_session_read_only(struct fuzz_env *env, struct fuzz_device *device)
{
  struct session s;

  session_start(&s, env, device, NULL);
  s.options.read_only = true;
  device->read_only = true;
  if (open_store(&s) == 0) {
    ask(&s);
    look(&s);
    close_store(&s, false);
  }
  device->read_only = false;
  free(s.data);
}

void fuzz_session(struct fuzz_env *env, struct fuzz_device *device, struct fuzz_input *in)
{
  static const uint32_t inline_blocks[] = { 0, 1, 8, UINT32_MAX };
  struct session s;
  unsigned choice = fuzz_u8(in);
  int code;

  session_start(&s, env, device, in);
  s.options.inline_blocks = inline_blocks[choice & 3];
  s.options.buffer_bytes = UINT64_C(16384) << (choice >> 2) % 6;
  code = open_store(&s);
  if (!code)
    look(&s);
  if (!code && s.units == 0) {
    close_store(&s, false);
    code = RDISK_ERANGE;
  }
  for (unsigned steps = 0; !code && in->left > 0 && steps < STEPS_MAX; steps++)
    code = step(&s);
  if (!code) {
    step_write(&s);
    step_checkpoint(&s);
    code = step_reopen(&s, choice & 0x80);
  }
  if (!code)
    close_store(&s, false);
  free(s.data);
}
