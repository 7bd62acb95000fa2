/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "checksum.h"
#include "endian.h"
#include "format.h"
#include "rdisk.h"

#define MAGIC_SB UINT64_C(0x0042534b53494452)     /* "RDISKSB\0" */
#define MAGIC_ROOT UINT64_C(0x0054524b53494452)   /* "RDISKRT\0" */
#define MAGIC_RECORD UINT64_C(0x00474c4b53494452) /* "RDISKLG\0" */

_Static_assert(FORMAT_RECORD_HEADER + FORMAT_ENTRY <= FORMAT_ATOM_MIN,
               "a record's first atom holds an entry");
_Static_assert(FORMAT_SECTION >= FORMAT_UNIT_MAX, "a slot holds an atom of any size");

static bool power_of_two(uint64_t x)
{
  return x != 0 && (x & (x - 1)) == 0;
}

/* A page's own checksum: of the whole page, its field (bytes 8-15) taken as 0. */
static uint64_t own_sum(const unsigned char *page, size_t bytes, const unsigned char *store_id)
{
  uint64_t seed = store_id ? get_le64(store_id) ^ get_le64(store_id + 8) : 0;
  uint64_t head = checksum(page, 8, seed);

  return checksum(page + 16, bytes - 16, head);
}

/* ---- superblock --------------------------------------------------------- */

static uint64_t default_log_bytes(uint64_t size_bytes)
{
  uint64_t bytes = size_bytes / 16;

  if (bytes < (UINT64_C(1) << 20))
    return UINT64_C(1) << 20;
  if (bytes > (UINT64_C(64) << 20))
    return UINT64_C(64) << 20;
  return bytes;
}

bool superblock_geometry(struct superblock *sb)
{
  struct map_geometry g;
  uint64_t units, stripe;

  if (!power_of_two(sb->block_bytes) || sb->block_bytes < 512 ||
      sb->block_bytes > FORMAT_UNIT_MAX || !power_of_two(sb->atom_bytes) ||
      sb->atom_bytes < FORMAT_ATOM_MIN || sb->atom_bytes > FORMAT_UNIT_MAX ||
      sb->size_bytes == 0 || sb->size_bytes > FORMAT_SIZE_MAX ||
      sb->size_bytes % sb->block_bytes != 0)
    return false;
  sb->unit_bytes = sb->block_bytes > sb->atom_bytes ? sb->block_bytes : sb->atom_bytes;
  units = superblock_units(sb);
  stripe = FORMAT_STRIPE / sb->unit_bytes;
  sb->stripe_units = (uint32_t)(stripe < units ? stripe : units);
  if (sb->log_bytes == 0)
    sb->log_bytes = default_log_bytes(sb->size_bytes);
  sb->log_bytes = format_round_up(sb->log_bytes, sb->atom_bytes);
  if (sb->log_bytes < UINT64_C(16) * sb->atom_bytes || sb->log_bytes > (UINT64_C(1) << 40))
    return false;
  sb->log_offset = 4 * FORMAT_SECTION;
  sb->map_offset = sb->log_offset + sb->log_bytes;
  map_geometry_of(sb, &g);
  sb->map_bytes = g.total * FORMAT_PLACES * sb->atom_bytes;
  sb->data_offset = format_round_up(sb->map_offset + sb->map_bytes, FORMAT_UNIT_MAX);
  sb->data_bytes = 2 * units * sb->unit_bytes;
  sb->store_bytes = sb->data_offset + sb->data_bytes;
  return true;
}

void superblock_encode(const struct superblock *sb, unsigned char page[FORMAT_SB_BYTES])
{
  memset(page, 0, FORMAT_SB_BYTES);
  put_le64(page, MAGIC_SB);
  put_le32(page + 16, sb->version);
  put_le32(page + 20, sb->layout);
  put_le64(page + 24, sb->feature_compat);
  put_le64(page + 32, sb->feature_ro);
  put_le64(page + 40, sb->feature_incompat);
  memcpy(page + 48, sb->store_id, 16);
  put_le64(page + 64, sb->created_s);
  put_le64(page + 72, sb->size_bytes);
  put_le32(page + 80, sb->block_bytes);
  put_le32(page + 84, sb->unit_bytes);
  put_le32(page + 88, sb->atom_bytes);
  put_le32(page + 92, sb->stripe_units);
  put_le64(page + 96, sb->log_offset);
  put_le64(page + 104, sb->log_bytes);
  put_le64(page + 112, sb->map_offset);
  put_le64(page + 120, sb->map_bytes);
  put_le64(page + 128, sb->data_offset);
  put_le64(page + 136, sb->data_bytes);
  put_le64(page + 144, sb->store_bytes);
  put_le32(page + 152, sb->flags);
  memcpy(page + 192, sb->label, FORMAT_LABEL);
  put_le64(page + 8, own_sum(page, FORMAT_SB_BYTES, NULL));
}

static void superblock_read_fields(struct superblock *sb, const unsigned char *page)
{
  sb->version = get_le32(page + 16);
  sb->layout = get_le32(page + 20);
  sb->feature_compat = get_le64(page + 24);
  sb->feature_ro = get_le64(page + 32);
  sb->feature_incompat = get_le64(page + 40);
  memcpy(sb->store_id, page + 48, 16);
  sb->created_s = get_le64(page + 64);
  sb->size_bytes = get_le64(page + 72);
  sb->block_bytes = get_le32(page + 80);
  sb->unit_bytes = get_le32(page + 84);
  sb->atom_bytes = get_le32(page + 88);
  sb->stripe_units = get_le32(page + 92);
  sb->log_offset = get_le64(page + 96);
  sb->log_bytes = get_le64(page + 104);
  sb->map_offset = get_le64(page + 112);
  sb->map_bytes = get_le64(page + 120);
  sb->data_offset = get_le64(page + 128);
  sb->data_bytes = get_le64(page + 136);
  sb->store_bytes = get_le64(page + 144);
  sb->flags = get_le32(page + 152);
  memcpy(sb->label, page + 192, FORMAT_LABEL);
  sb->label[FORMAT_LABEL - 1] = '\0';
}

/* The checksum is no proof against a forger, so the geometry must be the one
 * that we would have chosen: nothing overlaps, nothing overflows. */
static bool geometry_sound(const struct superblock *sb)
{
  struct superblock again = *sb;

  return superblock_geometry(&again) && again.unit_bytes == sb->unit_bytes &&
         again.stripe_units == sb->stripe_units && again.log_offset == sb->log_offset &&
         again.log_bytes == sb->log_bytes && again.map_offset == sb->map_offset &&
         again.map_bytes == sb->map_bytes && again.data_offset == sb->data_offset &&
         again.data_bytes == sb->data_bytes && again.store_bytes == sb->store_bytes;
}

enum superblock_state superblock_decode(struct superblock *sb,
                                        const unsigned char page[FORMAT_SB_BYTES])
{
  if (get_le64(page) != MAGIC_SB)
    return SB_FOREIGN;
  if (get_le64(page + 8) != own_sum(page, FORMAT_SB_BYTES, NULL))
    return SB_DAMAGED;
  superblock_read_fields(sb, page);
  if (sb->version != FORMAT_VERSION || sb->feature_incompat != 0 ||
      sb->layout != RDISK_LAYOUT_AB)
    return SB_NEWER;
  return geometry_sound(sb) ? SB_GOOD : SB_DAMAGED;
}

uint64_t superblock_units(const struct superblock *sb)
{
  return format_divide_up(sb->size_bytes, sb->unit_bytes);
}

uint64_t superblock_place(const struct superblock *sb, uint64_t unit, unsigned which)
{
  uint64_t stripe = unit / sb->stripe_units, in_stripe = unit % sb->stripe_units;
  uint64_t left = superblock_units(sb) - stripe * sb->stripe_units;
  uint64_t run = left < sb->stripe_units ? left : sb->stripe_units;

  return sb->data_offset +
         (2 * stripe * sb->stripe_units + which * run + in_stripe) * sb->unit_bytes;
}

/* ---- the map's pages ---------------------------------------------------- */

void map_geometry_of(const struct superblock *sb, struct map_geometry *g)
{
  uint64_t pages;

  memset(g, 0, sizeof *g);
  g->leaf_units = sb->atom_bytes * 8 / 2;
  g->fan_out = sb->atom_bytes / 8;
  pages = format_divide_up(superblock_units(sb), g->leaf_units);
  for (;;) {
    g->pages[g->levels] = pages;
    g->first[g->levels++] = g->total;
    g->total += pages;
    if (pages == 1)
      return;
    pages = format_divide_up(pages, g->fan_out);
  }
}

uint64_t map_page_offset(const struct superblock *sb, const struct map_geometry *g,
                         unsigned level, uint64_t index, unsigned place)
{
  uint64_t number = g->first[level] + index;

  return sb->map_offset + (number * FORMAT_PLACES + (place - 1)) * sb->atom_bytes;
}

uint64_t map_page_sum(const struct superblock *sb, unsigned level, uint64_t index,
                      const void *page)
{
  uint64_t where[2] = { level, index };
  uint64_t seed = checksum(where, sizeof where, get_le64(sb->store_id));
  uint64_t sum = checksum(page, sb->atom_bytes, seed) >> 2;

  return sum ? sum : 1;
}

/* ---- roots -------------------------------------------------------------- */

uint64_t root_offset(unsigned slot)
{
  return (2 + slot) * (uint64_t)FORMAT_SECTION;
}

void root_encode(const struct superblock *sb, const struct root *root,
                 unsigned char page[FORMAT_ROOT_BYTES])
{
  memset(page, 0, FORMAT_ROOT_BYTES);
  put_le64(page, MAGIC_ROOT);
  memcpy(page + 16, sb->store_id, 16);
  put_le64(page + 32, root->generation);
  put_le64(page + 40, root->epoch);
  put_le64(page + 48, root->sequence);
  put_le64(page + 56, root->vouched);
  put_le64(page + 64, root->position);
  put_le64(page + 72, root->chain);
  put_le64(page + 80, root->checkpoint);
  put_le64(page + 88, root->time_s);
  put_le64(page + 96, root->top);
  put_le32(page + 104, root->flags);
  put_le64(page + 8, own_sum(page, FORMAT_ROOT_BYTES, sb->store_id));
}

static bool counters_sound(const struct root *root)
{
  return root->generation < FORMAT_COUNTER_MAX && root->epoch < FORMAT_COUNTER_MAX &&
         root->sequence <= root->vouched && root->vouched < FORMAT_COUNTER_MAX &&
         root->position < FORMAT_COUNTER_MAX && root->checkpoint < FORMAT_COUNTER_MAX;
}

bool root_decode(const struct superblock *sb, unsigned slot, struct root *root,
                 const unsigned char page[FORMAT_ROOT_BYTES])
{
  if (get_le64(page) != MAGIC_ROOT || memcmp(page + 16, sb->store_id, 16) != 0 ||
      get_le64(page + 8) != own_sum(page, FORMAT_ROOT_BYTES, sb->store_id))
    return false;
  root->generation = get_le64(page + 32);
  root->epoch = get_le64(page + 40);
  root->sequence = get_le64(page + 48);
  root->vouched = get_le64(page + 56);
  root->position = get_le64(page + 64);
  root->chain = get_le64(page + 72);
  root->checkpoint = get_le64(page + 80);
  root->time_s = get_le64(page + 88);
  root->top = get_le64(page + 96);
  root->flags = get_le32(page + 104);
  return (root->generation & 1) == slot && counters_sound(root);
}

/* ---- log records -------------------------------------------------------- */

static uint32_t head_atoms(const struct superblock *sb, uint64_t entries)
{
  return (uint32_t)format_divide_up(FORMAT_RECORD_HEADER + entries * FORMAT_ENTRY,
                                    sb->atom_bytes);
}

uint32_t record_atoms(const struct superblock *sb, uint64_t entries, uint64_t inline_atoms)
{
  return head_atoms(sb, entries) + (uint32_t)inline_atoms;
}

uint32_t record_atoms_max(const struct superblock *sb)
{
  uint64_t eighth = sb->log_bytes / sb->atom_bytes / 8;
  uint64_t atoms = FORMAT_RECORD_MAX / sb->atom_bytes;

  if (atoms > eighth)
    atoms = eighth;
  return (uint32_t)(atoms < 2 ? 2 : atoms);
}

void record_put_entry(unsigned char *bytes, uint32_t number, const struct entry *entry)
{
  unsigned char *at = bytes + FORMAT_RECORD_HEADER + (size_t)number * FORMAT_ENTRY;

  put_le64(at, entry->first);
  put_le64(at + 8, entry->count);
  put_le32(at + 16, entry->kind);
  put_le32(at + 20, 0);
  put_le64(at + 24, entry->sum);
}

bool record_get_entry(const struct superblock *sb, const unsigned char *bytes, uint32_t number,
                      struct entry *entry)
{
  const unsigned char *at = bytes + FORMAT_RECORD_HEADER + (size_t)number * FORMAT_ENTRY;
  uint64_t units = superblock_units(sb);

  entry->first = get_le64(at);
  entry->count = get_le64(at + 8);
  entry->kind = get_le32(at + 16);
  entry->sum = get_le64(at + 24);
  return entry->kind >= ENTRY_A && entry->kind <= ENTRY_INLINE_B && entry->first < units &&
         entry->count != 0 && entry->count <= units - entry->first;
}

unsigned char *record_inline(const struct superblock *sb, const struct record *record,
                             unsigned char *bytes)
{
  return bytes + (size_t)(record->atoms - record->inline_atoms) * sb->atom_bytes;
}

/* Inline data that begins as a header would is changed in its first byte, so
 * that no atom of it can pass for a record. */
void record_seal(const struct superblock *sb, struct record *record, unsigned char *bytes)
{
  unsigned char *data = record_inline(sb, record, bytes);

  record->escaped = 0;
  for (uint32_t i = 0; i < record->inline_atoms; i++, data += sb->atom_bytes)
    if (get_le64(data) == MAGIC_RECORD) {
      record->escaped |= UINT64_C(1) << i;
      data[0] ^= 0xff;
    }
  memset(bytes, 0, FORMAT_RECORD_HEADER);
  put_le64(bytes, MAGIC_RECORD);
  memcpy(bytes + 16, sb->store_id, 16);
  put_le64(bytes + 32, record->epoch);
  put_le64(bytes + 40, record->sequence);
  put_le64(bytes + 48, record->previous);
  put_le64(bytes + 56, record->position);
  put_le32(bytes + 64, record->atoms);
  put_le32(bytes + 68, record->class);
  put_le32(bytes + 72, record->entries);
  put_le32(bytes + 76, record->inline_atoms);
  put_le64(bytes + 80, record->escaped);
  put_le64(bytes + 88, record->checkpoint);
  put_le64(bytes + 96, record->time_s);
  record->sum = own_sum(bytes, (size_t)record->atoms * sb->atom_bytes, sb->store_id);
  put_le64(bytes + 8, record->sum);
}

static void record_read_header(struct record *record, const unsigned char *bytes)
{
  record->sum = get_le64(bytes + 8);
  record->epoch = get_le64(bytes + 32);
  record->sequence = get_le64(bytes + 40);
  record->previous = get_le64(bytes + 48);
  record->position = get_le64(bytes + 56);
  record->atoms = get_le32(bytes + 64);
  record->class = get_le32(bytes + 68);
  record->entries = get_le32(bytes + 72);
  record->inline_atoms = get_le32(bytes + 76);
  record->escaped = get_le64(bytes + 80);
  record->checkpoint = get_le64(bytes + 88);
  record->time_s = get_le64(bytes + 96);
}

static bool record_shape_sound(const struct superblock *sb, const struct record *record,
                               size_t room)
{
  if (record->inline_atoms > FORMAT_INLINE_ATOMS_MAX || record->atoms == 0 ||
      record->atoms > record_atoms_max(sb) || record->inline_atoms >= record->atoms ||
      (size_t)record->atoms * sb->atom_bytes > room)
    return false;
  return record->entries <= (FORMAT_RECORD_MAX - FORMAT_RECORD_HEADER) / FORMAT_ENTRY &&
         record_atoms(sb, record->entries, record->inline_atoms) == record->atoms &&
         (record->class == RECORD_SYNCED || record->class == RECORD_VERIFY);
}

enum record_state record_decode(const struct superblock *sb, uint64_t position,
                                const unsigned char *bytes, size_t room,
                                struct record *record)
{
  if (room < sb->atom_bytes || get_le64(bytes) != MAGIC_RECORD ||
      memcmp(bytes + 16, sb->store_id, 16) != 0)
    return RECORD_NONE;
  record_read_header(record, bytes);
  if (record->position != position)
    return RECORD_NONE; /* an older lap */
  if (!record_shape_sound(sb, record, room) ||
      record->sum != own_sum(bytes, (size_t)record->atoms * sb->atom_bytes, sb->store_id))
    return RECORD_TORN;
  return RECORD_GOOD;
}

void record_unescape(const struct superblock *sb, const struct record *record,
                     unsigned char *bytes)
{
  unsigned char *data = record_inline(sb, record, bytes);

  for (uint32_t i = 0; i < record->inline_atoms; i++, data += sb->atom_bytes)
    if (record->escaped >> i & 1)
      data[0] ^= 0xff;
}
