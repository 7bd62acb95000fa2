/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-damage.c - changes by region and offset, so that an input keeps its meaning
 * when the format's places move. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "endian.h"
#include "fuzz-damage.h"

enum { COPY_MAX = 64 << 10 };

struct region {
  uint64_t offset, bytes;
};

static struct region pick_region(const struct fuzz_base *base, struct fuzz_input *in)
{
  const struct superblock *sb = &base->sb;
  unsigned kind = fuzz_u8(in) % 8, index = fuzz_u8(in);
  const struct record *record = &base->record[index % base->records];

  switch (kind) {
  case 0: return (struct region){ 0, FORMAT_SB_BYTES };
  case 1: return (struct region){ FORMAT_SECTION, FORMAT_SB_BYTES };
  case 2: return (struct region){ root_offset(index % 2), FORMAT_ROOT_BYTES };
  case 3: /* counted from the newest one */
    record = &base->record[base->records - 1 - index % base->records];
    /* fall through */
  case 4:
    return (struct region){ fuzz_log_offset(sb, record->position),
                            (uint64_t)record->atoms * sb->atom_bytes };
  case 5: return (struct region){ fuzz_log_offset(sb, index), sb->atom_bytes };
  case 6: return (struct region){ base->map_page[index % base->map_pages], sb->atom_bytes };
  default:
    return (struct region){ superblock_place(sb, index / 2 % superblock_units(sb), index & 1),
                            sb->unit_bytes };
  }
}

static void change_number(struct fuzz_device *device, uint64_t offset, unsigned bytes, bool add,
                          uint64_t value)
{
  unsigned char field[8];

  fuzz_peek(device, field, bytes, offset);
  put_le(field, add ? get_le(field, bytes) + value : value, bytes);
  fuzz_poke(device, field, bytes, offset);
}

static void copy_region(const struct fuzz_base *base, struct fuzz_device *device,
                        struct region to, struct fuzz_input *in)
{
  struct region from = pick_region(base, in);
  size_t bytes = from.bytes < COPY_MAX ? (size_t)from.bytes : COPY_MAX;
  unsigned char *data = malloc(bytes);

  fuzz_require(data != NULL, "the fuzzer has no memory");
  fuzz_peek(device, data, bytes, from.offset);
  fuzz_poke(device, data, bytes, to.offset);
  free(data);
}

static void fill(struct fuzz_device *device, uint64_t offset, unsigned units, uint8_t with)
{
  unsigned char data[FUZZ_PAGE];

  memset(data, with, sizeof data);
  for (; units > 0; units--, offset += sizeof data)
    fuzz_poke(device, data, sizeof data, offset);
}

/* ---- a forged record ------------------------------------------------------------------ */

/* Small numbers count from the disk's start, large ones from its end. */
static uint64_t pick_unit(const struct superblock *sb, struct fuzz_input *in)
{
  uint64_t value = fuzz_number(in, 2);

  return value < 0x8000 ? value : superblock_units(sb) - (0xffff - value);
}

static struct entry pick_entry(const struct superblock *sb, struct fuzz_input *in)
{
  struct entry entry = { .first = pick_unit(sb, in) };
  unsigned kind = fuzz_u8(in);

  entry.count = kind & 0x80 ? pick_unit(sb, in) : fuzz_u8(in);
  entry.kind = kind % 8;
  return entry;
}

static uint64_t sum_of(const struct superblock *sb, const struct fuzz_device *device,
                       const struct entry *entry)
{
  unsigned char *data = malloc(sb->unit_bytes);
  uint64_t sum = 0;

  fuzz_require(data != NULL, "the fuzzer has no memory");
  for (uint64_t i = 0; i < entry->count && i < 64; i++) {
    fuzz_peek(device, data, sb->unit_bytes,
              superblock_place(sb, entry->first + i, entry->kind == ENTRY_B));
    sum = checksum_fold(sum, checksum(data, sb->unit_bytes, 0));
  }
  free(data);
  return sum;
}

/* Behind the record that the root or the one before leads to; all right but for its
 * entries, its escapes, the numbers in its header. */
static void append_record(const struct fuzz_base *base, struct fuzz_device *device,
                          struct record *last, struct fuzz_input *in)
{
  const struct superblock *sb = &base->sb;
  unsigned char *bytes = calloc(record_atoms_max(sb), sb->atom_bytes);
  struct record record = *last;
  unsigned shape = fuzz_u8(in);

  fuzz_require(bytes != NULL, "the fuzzer has no memory");
  record.sequence++;
  record.previous = last->sum;
  record.checkpoint += fuzz_u8(in) % 2;
  record.class = shape & 1 ? RECORD_VERIFY : RECORD_SYNCED;
  record.entries = shape >> 1 & 7;
  record.inline_atoms = 0;
  for (uint32_t i = 0; i < record.entries; i++) {
    struct entry entry = pick_entry(sb, in);

    if (record_get_entry(sb, bytes, i, &entry) || entry.kind == ENTRY_A || entry.kind == ENTRY_B)
      entry.sum = shape & 0x20 ? fuzz_u8(in) : sum_of(sb, device, &entry);
    if (entry.kind >= ENTRY_INLINE_A && entry.count <= FORMAT_INLINE_ATOMS_MAX)
      record.inline_atoms += (uint32_t)entry.count * (sb->unit_bytes / sb->atom_bytes);
    record_put_entry(bytes, i, &entry);
  }
  if (shape & 0x40)
    record.inline_atoms = fuzz_u8(in);
  record.atoms = record_atoms(sb, record.entries, record.inline_atoms);
  record.position = fuzz_log_fit(sb, last->position + last->atoms, record.atoms);
  if (record.atoms <= record_atoms_max(sb)) {
    record_seal(sb, &record, bytes);
    fuzz_poke(device, bytes, (size_t)record.atoms * sb->atom_bytes,
              fuzz_log_offset(sb, record.position));
    *last = record;
  }
  free(bytes);
}

static void append_records(const struct fuzz_base *base, struct fuzz_device *device,
                           struct fuzz_input *in)
{
  unsigned count = fuzz_u8(in);
  struct record last = base->record[base->records - 1 - (count >> 4) % base->records];

  for (count = 1 + count % 8; count > 0; count--)
    append_record(base, device, &last, in);
}

void fuzz_damage(const struct fuzz_base *base, struct fuzz_device *device,
                 struct fuzz_input *in)
{
  unsigned kind = fuzz_u8(in) % 12;
  struct region region;
  uint64_t at;

  if (kind >= 10) {
    append_records(base, device, in);
    return;
  }
  region = pick_region(base, in);
  at = region.offset + fuzz_number(in, 2) % region.bytes;
  switch (kind) {
  case 0:
  case 1:
  case 2:
  case 3: change_number(device, at, 1u << kind, false, fuzz_number(in, 1u << kind)); break;
  case 4:
  case 5: change_number(device, at & ~UINT64_C(7), 8, kind == 5, fuzz_number(in, 8)); break;
  case 6: change_number(device, at & ~UINT64_C(7), 8, true, (uint64_t)(int8_t)fuzz_u8(in)); break;
  case 7: change_number(device, at & ~UINT64_C(7), 8, false, UINT64_MAX - fuzz_u8(in)); break;
  case 8: fill(device, region.offset, fuzz_u8(in), fuzz_u8(in)); break;
  default: copy_region(base, device, region, in); break;
  }
}
