/* SPDX-License-Identifier: BSD-3-Clause */
/* format.h - what lies where on the disk, and how it is told from garbage.
 *
 * The only file (with format.c) that knows byte offsets; rdisk-format(5)
 * describes the same for people.  All integers are little-endian.
 *
 *   offset 0        superblock      64 KiB   its twin
 *   128 KiB         root slot 0     192 KiB  root slot 1
 *   log_offset      the commit log, a ring of atoms
 *   map_offset      the map's pages, three places each
 *   data_offset     the blocks' places, a- and b-stripes in turn
 *
 * An atom is what the device may tear or lose as one piece (D9): 4096 bytes or
 * more.  A unit is what is placed as one: the block or the atom, the larger.
 * Everything read here is input: a decoder returns false for what it does not
 * believe and never stops the program.
 */
#ifndef RDISK_FORMAT_H
#define RDISK_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  FORMAT_VERSION = 1,
  FORMAT_SECTION = 65536, /* superblock, twin and root slots lie this far apart */
  FORMAT_SB_BYTES = 4096,
  FORMAT_ROOT_BYTES = 4096,
  FORMAT_RECORD_HEADER = 128,
  FORMAT_ENTRY = 32,
  FORMAT_RECORD_MAX = 1 << 20,
  FORMAT_INLINE_ATOMS_MAX = 64, /* bits of the record's escape word */
  FORMAT_ATOM_MIN = 4096,
  FORMAT_UNIT_MAX = 65536,
  FORMAT_LEVELS_MAX = 8,
  FORMAT_PLACES = 3, /* of a map page: newest root, older root, next root */
  FORMAT_LABEL = 64
};

/* Long, because a host that reads ahead past the end of an a-run reads what nobody
 * wants; short, because the way from a to b should be. */
#define FORMAT_STRIPE (UINT64_C(256) << 20)
#define FORMAT_SIZE_MAX (UINT64_C(1) << 52) /* 4 PiB: of the disk */
/* No counter (sequence, position, epoch, ...) of an honest store comes near this; a
 * forged one that did would overflow. */
#define FORMAT_COUNTER_MAX (UINT64_C(1) << 60)

static inline uint64_t format_divide_up(uint64_t a, uint64_t b)
{
  return a / b + (a % b != 0);
}

static inline uint64_t format_round_up(uint64_t a, uint64_t b)
{
  return format_divide_up(a, b) * b;
}

/* ---- superblock --------------------------------------------------------- */

enum {
  SB_KEEP_SPACE = 1u << 0 /* preallocated: places are never given back */
};

struct superblock {
  uint32_t version;
  uint32_t layout;
  uint64_t feature_compat, feature_ro, feature_incompat;
  unsigned char store_id[16];
  uint64_t created_s;
  uint64_t size_bytes; /* of the disk */
  uint32_t block_bytes, unit_bytes, atom_bytes;
  uint32_t stripe_units; /* an a-run and a b-run are so long */
  uint64_t log_offset, log_bytes;
  uint64_t map_offset, map_bytes;
  uint64_t data_offset, data_bytes;
  uint64_t store_bytes;
  uint32_t flags; /* SB_... */
  char label[FORMAT_LABEL];
};

/* Fill in the geometry (stripe_units and everything from log_offset to
 * store_bytes) from size_bytes, block_bytes, atom_bytes and log_bytes (0: by
 * size).  False if there is none. */
bool superblock_geometry(struct superblock *sb);
void superblock_encode(const struct superblock *sb, unsigned char page[FORMAT_SB_BYTES]);

enum superblock_state { SB_GOOD, SB_FOREIGN, SB_DAMAGED, SB_NEWER };
enum superblock_state superblock_decode(struct superblock *sb,
                                        const unsigned char page[FORMAT_SB_BYTES]);

uint64_t superblock_units(const struct superblock *sb); /* of the disk */
/* Where version WHICH (0: a, 1: b) of a unit lies. */
uint64_t superblock_place(const struct superblock *sb, uint64_t unit, unsigned which);

/* ---- the map's pages ---------------------------------------------------- */

/* Level 0: leaves, two bit planes.  Above: nodes of 8-byte entries.  An entry:
 * bits 0-1 the place of the child's newest version (0: never written, 1-3),
 * bits 2-63 the child's checksum; a checksum of 0 stands for a child that is
 * all zero and need not be read. */
struct map_geometry {
  unsigned levels;
  uint64_t pages[FORMAT_LEVELS_MAX];
  uint64_t first[FORMAT_LEVELS_MAX]; /* number of the level's first page */
  uint64_t total;
  uint32_t leaf_units, fan_out;
};

void map_geometry_of(const struct superblock *sb, struct map_geometry *g);
uint64_t map_page_offset(const struct superblock *sb, const struct map_geometry *g,
                         unsigned level, uint64_t index, unsigned place);
/* An entry's checksum part, never 0, of a page at (level, index). */
uint64_t map_page_sum(const struct superblock *sb, unsigned level, uint64_t index,
                      const void *page);

#define ENTRY_PLACE(entry) ((unsigned)((entry)&3))
#define ENTRY_SUM(entry) ((entry) >> 2)
#define ENTRY_MAKE(place, sum) ((uint64_t)(sum) << 2 | (place))

/* ---- roots -------------------------------------------------------------- */

enum { ROOT_CLEAN = 1u << 0 }; /* written by a close */

struct root {
  uint64_t generation; /* ascending; slot = generation & 1 */
  uint64_t epoch;
  uint64_t sequence; /* the log is read from the record after this one */
  uint64_t vouched;  /* up to here the chain must reach (D5) */
  uint64_t position; /* where that record would begin, in atoms since creation */
  uint64_t chain;    /* checksum of record `sequence` */
  uint64_t checkpoint, time_s;
  uint64_t top; /* entry of the map's top page */
  uint32_t flags;
};

uint64_t root_offset(unsigned slot);
void root_encode(const struct superblock *sb, const struct root *root,
                 unsigned char page[FORMAT_ROOT_BYTES]);
bool root_decode(const struct superblock *sb, unsigned slot, struct root *root,
                 const unsigned char page[FORMAT_ROOT_BYTES]);

/* ---- log records -------------------------------------------------------- */

enum record_class {
  RECORD_SYNCED = 1, /* its data was flushed before it was written, or is inline */
  RECORD_VERIFY = 2  /* recovery must compare its data with the entries' checksums */
};

struct record {
  uint64_t epoch, sequence;
  uint64_t previous; /* checksum of record sequence-1: vouches for it */
  uint64_t position; /* atoms since creation: a stale lap cannot pass */
  uint32_t atoms;    /* length, whole */
  uint32_t class;
  uint32_t entries;
  uint32_t inline_atoms; /* the last so many atoms */
  uint64_t escaped;      /* bit i: inline atom i begins with the magic, changed */
  uint64_t checkpoint, time_s;
  uint64_t sum; /* its own checksum */
};

enum entry_kind {
  ENTRY_A = 1,      /* units first..first+count-1 are at their a places */
  ENTRY_B = 2,      /* at their b places */
  ENTRY_ZERO = 3,   /* read as zero */
  ENTRY_INLINE_A = 4, /* data in this record; belongs to the a places */
  ENTRY_INLINE_B = 5
};

struct entry {
  uint64_t first, count;
  uint32_t kind;
  uint64_t sum; /* A and B of a VERIFY record: fold of the units' checksums */
};

uint32_t record_atoms(const struct superblock *sb, uint64_t entries, uint64_t inline_atoms);
uint32_t record_atoms_max(const struct superblock *sb);
/* Entries and inline data are in place already: escapes the latter, writes the
 * header, sets record->escaped and record->sum. */
void record_seal(const struct superblock *sb, struct record *record, unsigned char *bytes);
void record_put_entry(unsigned char *bytes, uint32_t number, const struct entry *entry);
bool record_get_entry(const struct superblock *sb, const unsigned char *bytes, uint32_t number,
                      struct entry *entry);
unsigned char *record_inline(const struct superblock *sb, const struct record *record,
                             unsigned char *bytes);

enum record_state {
  RECORD_NONE, /* nothing of this store's log begins here */
  RECORD_TORN, /* a header of this position, but the rest is not as it was written */
  RECORD_GOOD
};
/* Look at ROOM bytes at log position POSITION (mod the ring). */
enum record_state record_decode(const struct superblock *sb, uint64_t position,
                                const unsigned char *bytes, size_t room,
                                struct record *record);
/* Undo the escapes; after a decode that said GOOD. */
void record_unescape(const struct superblock *sb, const struct record *record,
                     unsigned char *bytes);

#endif
