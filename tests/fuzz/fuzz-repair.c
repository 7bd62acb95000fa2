/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-repair.c - checksums, from the leaves up to the roots and along the chain. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "endian.h"
#include "fuzz-damage.h"

/* What the repair knows of the pages beyond what format.h tells (rdisk-format(5)):
 * a page's own checksum is at 8, a record's predecessor's at 48, its length at 64. */
enum { OFFSET_SUM = 8, RECORD_PREVIOUS = 48, RECORD_ATOMS = 64, PAGES_MAX = 2000 };

struct repair {
  const struct fuzz_base *base;
  struct fuzz_device *device;
  unsigned pages; /* of the map, seen */
  uint64_t sums[FUZZ_RECORDS_MAX]; /* of the records as they are now */
};

static void put_own_sum(unsigned char *page, size_t bytes, const unsigned char *store_id)
{
  uint64_t seed = store_id ? get_le64(store_id) ^ get_le64(store_id + 8) : 0;

  put_le64(page + OFFSET_SUM, checksum(page + 16, bytes - 16, checksum(page, 8, seed)));
}

static void repair_superblock(struct repair *r, uint64_t offset)
{
  unsigned char page[FORMAT_SB_BYTES];
  struct superblock sb;

  fuzz_peek(r->device, page, sizeof page, offset);
  put_own_sum(page, sizeof page, NULL);
  if (superblock_decode(&sb, page) == SB_DAMAGED && superblock_geometry(&sb))
    superblock_encode(&sb, page);
  fuzz_poke(r->device, page, sizeof page, offset);
}

/* Returns the page's checksum, having made right those below it. */
static uint64_t repair_page(struct repair *r, unsigned level, uint64_t index, uint64_t entry)
{
  const struct superblock *sb = &r->base->sb;
  uint64_t offset = map_page_offset(sb, &r->base->map, level, index, ENTRY_PLACE(entry)), sum;
  uint64_t *page = calloc(1, sb->atom_bytes);

  fuzz_require(page != NULL, "the fuzzer has no memory");
  fuzz_peek(r->device, page, sb->atom_bytes, offset);
  for (uint32_t i = 0; level > 0 && i < r->base->map.fan_out; i++)
    if (ENTRY_SUM(page[i]) != 0 && ENTRY_PLACE(page[i]) != 0 && r->pages++ < PAGES_MAX)
      page[i] = ENTRY_MAKE(ENTRY_PLACE(page[i]),
                           repair_page(r, level - 1, index * r->base->map.fan_out + i, page[i]));
  fuzz_poke(r->device, page, sb->atom_bytes, offset);
  sum = map_page_sum(sb, level, index, page);
  free(page);
  return sum;
}

static void repair_records(struct repair *r)
{
  const struct superblock *sb = &r->base->sb;
  size_t max = (size_t)record_atoms_max(sb) * sb->atom_bytes;
  unsigned char *bytes = malloc(max);

  fuzz_require(bytes != NULL, "the fuzzer has no memory");
  for (uint32_t i = 0; i < r->base->records; i++) {
    const struct record *record = &r->base->record[i];
    uint64_t offset = fuzz_log_offset(sb, record->position);
    uint64_t room = sb->log_offset + sb->log_bytes - offset;
    size_t length;

    room = room < max ? room : max;
    fuzz_peek(r->device, bytes, (size_t)room, offset);
    length = (size_t)get_le32(bytes + RECORD_ATOMS) * sb->atom_bytes;
    if (length == 0 || length > room)
      length = (size_t)record->atoms * sb->atom_bytes;
    if (i > 0 && get_le64(bytes + RECORD_PREVIOUS) == r->base->record[i - 1].sum)
      put_le64(bytes + RECORD_PREVIOUS, r->sums[i - 1]);
    put_own_sum(bytes, length, sb->store_id);
    r->sums[i] = get_le64(bytes + OFFSET_SUM);
    fuzz_poke(r->device, bytes, length, offset);
  }
  free(bytes);
}

static void repair_root(struct repair *r, unsigned slot)
{
  const struct superblock *sb = &r->base->sb;
  unsigned char page[FORMAT_ROOT_BYTES];
  struct root root;

  fuzz_peek(r->device, page, sizeof page, root_offset(slot));
  put_own_sum(page, sizeof page, sb->store_id);
  if (root_decode(sb, slot, &root, page)) {
    if (ENTRY_PLACE(root.top) != 0 && ENTRY_SUM(root.top) != 0)
      root.top = ENTRY_MAKE(ENTRY_PLACE(root.top),
                            repair_page(r, r->base->map.levels - 1, 0, root.top));
    for (uint32_t i = 0; i < r->base->records; i++)
      if (root.chain == r->base->record[i].sum)
        root.chain = r->sums[i];
    root_encode(sb, &root, page);
  }
  fuzz_poke(r->device, page, sizeof page, root_offset(slot));
}

void fuzz_repair(const struct fuzz_base *base, struct fuzz_device *device)
{
  struct repair r = { .base = base, .device = device };

  repair_superblock(&r, 0);
  repair_superblock(&r, FORMAT_SECTION);
  repair_records(&r);
  for (unsigned slot = 0; slot < 2; slot++)
    repair_root(&r, slot);
}
