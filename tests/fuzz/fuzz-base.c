/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz-base.h"
#include "fuzz-env.h"
#include "fuzz.h"

static const struct shape {
  uint64_t size_bytes;
  uint32_t block_bytes, unit_bytes;
  uint64_t log_bytes;
} shapes[FUZZ_BASES / 2] = {
  { 256 << 10, 4096, 4096, 16 * 4096 },           /* the smallest log */
  { UINT64_C(200) << 20, 4096, 4096, 1 << 20 },   /* a map of two levels */
  { 37 * 512, 512, 4096, 128 << 10 },             /* blocks share units; the last is cut */
  { 1 << 20, 65536, 4096, 256 << 10 },            /* units of many atoms */
  { 2 << 20, 4096, 65536, 1 << 20 },              /* large atoms */
  { UINT64_C(1) << 50, 4096, 4096, 256 << 10 },   /* a map of four levels */
};

/* ---- making one -------------------------------------------------------------------- */

struct maker {
  struct fuzz_env env;
  struct fuzz_device device;
  struct rdisk_core *core;
  uint64_t units;
  uint32_t unit_bytes;
  unsigned char *data;
};

static void need(struct maker *m, int code, const char *what)
{
  code = fuzz_env_end_call(&m->env, code);
  fuzz_require(code == 0, "a valid store: %s returned %d", what, code);
  fuzz_env_begin_call(&m->env);
}

static void open_core(struct maker *m)
{
  struct rdisk_core_options options = { .buffer_bytes = 16 * (uint64_t)m->unit_bytes };

  need(m, rdisk_core_open(&m->env.env, &m->device.io, &options, &m->core), "open");
  m->env.core = m->core;
}

static void close_core(struct maker *m, bool abandon)
{
  m->env.core = NULL;
  need(m, rdisk_core_close(m->core, abandon), "close");
}

static void write_units(struct maker *m, uint64_t unit, uint64_t count)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  uint64_t offset = unit % m->units * m->unit_bytes, bytes = count * m->unit_bytes;

  rdisk_core_info(m->core, &info);
  if (bytes > info.size_bytes - offset)
    bytes = info.size_bytes - offset;
  memset(m->data, (int)(unit + count), bytes);
  need(m, rdisk_core_write(m->core, m->data, bytes, offset), "write");
}

static void zero_units(struct maker *m, uint64_t unit, uint64_t count)
{
  need(m, rdisk_core_trim(m->core, count * m->unit_bytes, unit * m->unit_bytes), "trim");
}

static void checkpoint(struct maker *m)
{
  need(m, rdisk_core_checkpoint(m->core, NULL), "checkpoint");
}

/* Inline, verified and synced commits, zeroes, leaves at both ends of the disk. */
static void work(struct maker *m)
{
  write_units(m, 0, 2);
  checkpoint(m);
  write_units(m, m->units - 1, 1);
  write_units(m, m->units / 2, 4);
  checkpoint(m);
  write_units(m, 1, m->units < 14 ? 2 : 12);
  checkpoint(m);
  zero_units(m, 1, 2);
  checkpoint(m);
  write_units(m, m->units / 3, 1);
  checkpoint(m);
  write_units(m, 2, 6);
  checkpoint(m);
}

static void describe(struct fuzz_base *base, struct fuzz_device *device);

static void make(struct fuzz_base *base, const struct shape *shape, bool crash)
{
  struct rdisk_core_format format = { .size_bytes = shape->size_bytes,
                                      .block_bytes = shape->block_bytes,
                                      .log_bytes = shape->log_bytes,
                                      .store_id = "fuzzing a store",
                                      .label = "fuzz" };
  struct maker m = { .unit_bytes = shape->block_bytes > shape->unit_bytes ? shape->block_bytes
                                                                          : shape->unit_bytes };
  uint64_t store_bytes;

  fuzz_env_init(&m.env, 64 << 20);
  m.units = format_divide_up(shape->size_bytes, m.unit_bytes);
  m.data = malloc(16 * (size_t)m.unit_bytes);
  fuzz_require(m.data != NULL, "the fuzzer has no memory");
  need(&m, rdisk_core_store_bytes(&m.env.env, &format, shape->unit_bytes, &store_bytes), "size");
  fuzz_device_init(&m.device, NULL, store_bytes, shape->unit_bytes);
  m.device.formatting = true;
  need(&m, rdisk_core_format(&m.env.env, &m.device.io, &format), "format");
  m.device.formatting = false;
  open_core(&m);
  work(&m);
  close_core(&m, false);
  if (crash) {
    open_core(&m);
    work(&m);
    close_core(&m, true);
  }
  describe(base, &m.device);
  fuzz_device_snapshot(&m.device, &base->image);
  fuzz_device_free(&m.device);
  fuzz_env_expect_empty(&m.env);
  free(m.data);
}

/* ---- what is where -------------------------------------------------------------------- */

uint64_t fuzz_log_offset(const struct superblock *sb, uint64_t position)
{
  return sb->log_offset + position % (sb->log_bytes / sb->atom_bytes) * sb->atom_bytes;
}

uint64_t fuzz_log_fit(const struct superblock *sb, uint64_t position, uint32_t atoms)
{
  uint64_t lap = sb->log_bytes / sb->atom_bytes, in_lap = position % lap;

  return in_lap + atoms > lap ? position + lap - in_lap : position;
}

static bool record_at(const struct fuzz_base *base, const struct fuzz_device *device,
                      unsigned char *bytes, uint64_t position, struct record *record)
{
  size_t atom = base->sb.atom_bytes, room;
  uint64_t lap = base->sb.log_bytes / atom, atoms = record_atoms_max(&base->sb);

  if (atoms > lap - position % lap)
    atoms = lap - position % lap;
  room = (size_t)atoms * atom;
  fuzz_peek(device, bytes, room, fuzz_log_offset(&base->sb, position));
  return record_decode(&base->sb, position, bytes, room, record) == RECORD_GOOD;
}

static void list_records(struct fuzz_base *base, const struct fuzz_device *device,
                         uint64_t position)
{
  unsigned char *bytes = malloc((size_t)record_atoms_max(&base->sb) * base->sb.atom_bytes);

  fuzz_require(bytes != NULL, "the fuzzer has no memory");
  while (base->records < FUZZ_RECORDS_MAX) {
    struct record *record = &base->record[base->records];
    uint64_t lap = fuzz_log_fit(&base->sb, position, record_atoms_max(&base->sb));

    if (!record_at(base, device, bytes, position, record) &&
        !record_at(base, device, bytes, lap, record))
      break;
    position = record->position + record->atoms;
    base->records++;
  }
  free(bytes);
}

static void list_map(struct fuzz_base *base, const struct fuzz_device *device, unsigned level,
                     uint64_t index, uint64_t entry)
{
  uint64_t *page, offset;

  if (ENTRY_SUM(entry) == 0 || base->map_pages == FUZZ_MAP_PAGES_MAX)
    return;
  offset = map_page_offset(&base->sb, &base->map, level, index, ENTRY_PLACE(entry));
  base->map_page[base->map_pages++] = offset;
  if (level == 0)
    return;
  page = malloc(base->sb.atom_bytes);
  fuzz_require(page != NULL, "the fuzzer has no memory");
  fuzz_peek(device, page, base->sb.atom_bytes, offset);
  for (uint32_t i = 0; i < base->map.fan_out; i++)
    list_map(base, device, level - 1, index * base->map.fan_out + i, page[i]);
  free(page);
}

static void describe(struct fuzz_base *base, struct fuzz_device *device)
{
  unsigned char page[FORMAT_SB_BYTES];
  struct root roots[2];

  fuzz_peek(device, page, sizeof page, 0);
  fuzz_require(superblock_decode(&base->sb, page) == SB_GOOD, "a valid store's superblock");
  map_geometry_of(&base->sb, &base->map);
  for (unsigned slot = 0; slot < 2; slot++) {
    fuzz_peek(device, page, sizeof page, root_offset(slot));
    fuzz_require(root_decode(&base->sb, slot, &roots[slot], page), "a valid store's root");
    list_map(base, device, base->map.levels - 1, 0, roots[slot].top);
  }
  list_records(base, device, roots[roots[1].generation < roots[0].generation].position);
  fuzz_require(base->records > 0 && base->map_pages > 0, "a valid store without log or map");
}

const struct fuzz_base *fuzz_base(unsigned number)
{
  static struct fuzz_base bases[FUZZ_BASES];
  struct fuzz_base *base = &bases[number % FUZZ_BASES];

  if (base->records == 0)
    make(base, &shapes[number % (FUZZ_BASES / 2)], number % FUZZ_BASES >= FUZZ_BASES / 2);
  return base;
}
