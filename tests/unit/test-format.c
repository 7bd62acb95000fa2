/* SPDX-License-Identifier: BSD-3-Clause */
/* test-format.c - the geometry of stores of every size: nothing overlaps, nothing
 * leaves the store; headers, entries and escapes come back as they went in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "unit.h"

static const uint64_t sizes[] = { 512,        4096,        65536,       1u << 20,
                                  (256u << 20) - 4096,     256u << 20,  (256u << 20) + 65536,
                                  (UINT64_C(1) << 30) + 512 * 3, UINT64_C(1) << 40,
                                  UINT64_C(1) << 52 };
static const uint32_t blocks[] = { 512, 4096, 65536 }, atoms[] = { 4096, 65536 };

static bool describe(struct superblock *sb, uint64_t size, uint32_t block, uint32_t atom)
{
  memset(sb, 0, sizeof *sb);
  sb->version = FORMAT_VERSION;
  sb->layout = RDISK_LAYOUT_AB;
  sb->size_bytes = size / block * block;
  sb->block_bytes = block;
  sb->atom_bytes = atom;
  memset(sb->store_id, 7, sizeof sb->store_id);
  return superblock_geometry(sb);
}

/* Each of the sizes, blocks and atoms in turn; false: no more. */
static bool next_store(struct superblock *sb, unsigned *turn)
{
  for (;;) {
    unsigned t = (*turn)++;
    unsigned size = t / 6, block = t % 6 / 2, atom = t % 2;

    if (size >= sizeof sizes / sizeof *sizes)
      return false;
    if (describe(sb, sizes[size], blocks[block], atoms[atom]))
      return true;
  }
}

static void check_place(const struct superblock *sb, uint64_t place)
{
  ck_assert_uint_ge(place, sb->data_offset);
  ck_assert_uint_le(place + sb->unit_bytes, sb->store_bytes);
  ck_assert_uint_eq((place - sb->data_offset) % sb->unit_bytes, 0);
}

/* Which unit and version a place belongs to, worked out the other way round. */
static void check_owner(const struct superblock *sb, uint64_t place, uint64_t unit,
                        unsigned which)
{
  uint64_t slot = (place - sb->data_offset) / sb->unit_bytes;
  uint64_t stripe = slot / (2 * (uint64_t)sb->stripe_units);
  uint64_t left = superblock_units(sb) - stripe * sb->stripe_units;
  uint64_t run = left < sb->stripe_units ? left : sb->stripe_units;
  uint64_t in_stripe = slot % (2 * (uint64_t)sb->stripe_units);

  ck_assert_uint_eq(in_stripe / run, which);
  ck_assert_uint_eq(stripe * sb->stripe_units + in_stripe % run, unit);
}

START_TEST(places)
{
  struct superblock sb;
  unsigned turn = 0, stores = 0;

  while (next_store(&sb, &turn)) {
    uint64_t units = superblock_units(&sb), stripe = sb.stripe_units;
    uint64_t looked_at[] = { 0,          1,         stripe - 1, stripe,   stripe + 1, units / 2,
                             units - 2, units - 1, 2 * stripe, units / 3 };

    for (unsigned i = 0; i < sizeof looked_at / sizeof *looked_at; i++)
      for (unsigned which = 0; looked_at[i] < units && which < 2; which++) {
        uint64_t place = superblock_place(&sb, looked_at[i], which);

        check_place(&sb, place);
        check_owner(&sb, place, looked_at[i], which);
      }
    stores++;
  }
  ck_assert_uint_ge(stores, 50);
}
END_TEST

START_TEST(regions_follow_each_other)
{
  struct superblock sb;
  unsigned turn = 0;

  while (next_store(&sb, &turn)) {
    struct map_geometry g;
    unsigned top;

    map_geometry_of(&sb, &g);
    top = g.levels - 1;
    ck_assert_uint_eq(g.pages[top], 1);
    ck_assert_uint_ge(sb.log_offset, root_offset(1) + FORMAT_SECTION);
    ck_assert_uint_ge(sb.map_offset, sb.log_offset + sb.log_bytes);
    ck_assert_uint_eq(map_page_offset(&sb, &g, 0, 0, 1), sb.map_offset);
    ck_assert_uint_eq(map_page_offset(&sb, &g, top, 0, 3) + sb.atom_bytes,
                      sb.map_offset + sb.map_bytes);
    ck_assert_uint_ge(sb.data_offset, sb.map_offset + sb.map_bytes);
    ck_assert_uint_eq(sb.store_bytes, sb.data_offset + 2 * superblock_units(&sb) * sb.unit_bytes);
  }
}
END_TEST

START_TEST(superblocks_come_back)
{
  struct superblock sb, again;
  unsigned char page[FORMAT_SB_BYTES];
  unsigned turn = 0;

  while (next_store(&sb, &turn)) {
    superblock_encode(&sb, page);
    ck_assert_int_eq(superblock_decode(&again, page), SB_GOOD);
    ck_assert_uint_eq(again.store_bytes, sb.store_bytes);
    page[100] ^= 1;
    ck_assert_int_eq(superblock_decode(&again, page), SB_DAMAGED);
    sb.data_offset += sb.unit_bytes; /* well-made, but not what we would choose */
    superblock_encode(&sb, page);
    ck_assert_int_eq(superblock_decode(&again, page), SB_DAMAGED);
  }
  ck_assert(!describe(&sb, 0, 4096, 4096));
  ck_assert(!describe(&sb, UINT64_MAX, 4096, 4096));
  ck_assert(!describe(&sb, 4096, 4096, 12288));
}
END_TEST

/* Inline data that is a record of this very store cannot be found as one. */
START_TEST(inline_data_is_no_header)
{
  struct superblock sb;
  struct record inner = { .atoms = 1, .class = RECORD_SYNCED, .position = 3, .sequence = 9 };
  struct record outer = { .atoms = 3, .class = RECORD_SYNCED, .position = 2, .entries = 1,
                          .inline_atoms = 2 };
  struct record found;
  unsigned char header[4096], bytes[3 * 4096];
  struct entry entry = { .first = 1, .count = 2, .kind = ENTRY_INLINE_A }, again;

  ck_assert(describe(&sb, 1 << 20, 4096, 4096));
  memset(header, 0, sizeof header);
  record_seal(&sb, &inner, header);
  ck_assert_int_eq(record_decode(&sb, 3, header, sizeof header, &found), RECORD_GOOD);
  memset(bytes, 0, sizeof bytes);
  record_put_entry(bytes, 0, &entry);
  memcpy(bytes + 4096, header, sizeof header);
  record_seal(&sb, &outer, bytes);
  ck_assert_int_eq(record_decode(&sb, 3, bytes + 4096, 2 * 4096, &found), RECORD_NONE);
  ck_assert_int_eq(record_decode(&sb, 2, bytes, sizeof bytes, &found), RECORD_GOOD);
  ck_assert_uint_eq(found.escaped, 1);
  record_unescape(&sb, &found, bytes);
  ck_assert_mem_eq(bytes + 4096, header, sizeof header);
  ck_assert(record_get_entry(&sb, bytes, 0, &again));
  ck_assert_uint_eq(again.first, 1);
  ck_assert_uint_eq(again.count, 2);
}
END_TEST

START_TEST(records_of_another_lap_or_store)
{
  struct superblock sb;
  struct record record = { .atoms = 1, .class = RECORD_VERIFY, .position = 5 }, found;
  unsigned char bytes[4096];

  ck_assert(describe(&sb, 1 << 20, 4096, 4096));
  memset(bytes, 0, sizeof bytes);
  record_seal(&sb, &record, bytes);
  ck_assert_int_eq(record_decode(&sb, 5, bytes, sizeof bytes, &found), RECORD_GOOD);
  ck_assert_int_eq(record_decode(&sb, 5 + sb.log_bytes / 4096, bytes, sizeof bytes, &found),
                   RECORD_NONE);
  ck_assert_int_eq(record_decode(&sb, 5, bytes, sizeof bytes - 1, &found), RECORD_NONE);
  bytes[4000] ^= 1;
  ck_assert_int_eq(record_decode(&sb, 5, bytes, sizeof bytes, &found), RECORD_TORN);
  bytes[4000] ^= 1;
  sb.store_id[0] ^= 1;
  ck_assert_int_eq(record_decode(&sb, 5, bytes, sizeof bytes, &found), RECORD_NONE);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("format");
  TCase *tests = tcase_create("format");

  tcase_add_test(tests, places);
  tcase_add_test(tests, regions_follow_each_other);
  tcase_add_test(tests, superblocks_come_back);
  tcase_add_test(tests, inline_data_is_no_header);
  tcase_add_test(tests, records_of_another_lap_or_store);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
