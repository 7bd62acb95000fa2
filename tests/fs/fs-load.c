/* SPDX-License-Identifier: BSD-3-Clause */
/* fs-load.c - keep a filesystem busy and note what it has acknowledged; later,
 * hold it to that:
 *
 *   fs-load run DIRECTORY ACKS SECONDS SEED [LOG]
 *   fs-load verify DIRECTORY ACKS [LOG-BYTES]
 *
 * Until the time is over or an operation fails, run picks one of
 *   R  write a new file, fsync it, rename it over r<slot>, fsync the directory
 *   W  overwrite block <slot> of the file w in place, fdatasync
 *   A  append a record to the file a, fsync
 *   -  make, fill, rename and remove files and directories; no fsync
 * and numbers R, W and A.  When the filesystem has said yes, a line
 * "kind slot number log-bytes" goes to ACKS, where log-bytes is the size of LOG
 * (powercut-record.so's) at that time.
 *
 * verify takes the lines up to LOG-BYTES (default: all).  What they say must be
 * there, or something newer; and nothing may be half one version, half another:
 * a block that was overwritten in place is one request to the disk below.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 16, BLOCKS = 64, SECTOR = 512, BLOCK = 4096, FILE_BLOCKS_MAX = 16 };

/* A file of kind R and a block of W are sectors of this form; A's records too. */
struct sector {
  uint32_t kind;
  uint32_t slot;
  uint64_t number;
  uint32_t index; /* of the sector */
  uint32_t count; /* sectors in the whole */
  uint64_t fill[61];
};
_Static_assert(sizeof(struct sector) == SECTOR, "a sector");

struct acks {
  uint64_t file[SLOTS];
  uint64_t block[BLOCKS];
  uint64_t record;
};

static uint64_t seed;
static int directory;

static uint64_t mix(uint64_t x)
{
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

static uint64_t random_below(uint64_t bound)
{
  seed += 0x9e3779b97f4a7c15u;
  return mix(seed) % bound;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  fprintf(stderr, "fs-load: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
  exit(1);
}

static void fill_sector(struct sector *sector, int kind, unsigned slot, uint64_t number,
                        unsigned index, unsigned count)
{
  *sector = (struct sector){ kind, slot, number, index, count, { 0 } };
  for (unsigned i = 0; i < 61; i++)
    sector->fill[i] = mix(number * 1000003 + slot * 4099 + index * 61 + i);
}

static bool sector_is(const struct sector *sector, int kind, unsigned slot, uint64_t number,
                      unsigned index, unsigned count)
{
  struct sector expected;

  fill_sector(&expected, kind, slot, number, index, count);
  return memcmp(sector, &expected, sizeof expected) == 0;
}

static int write_sectors(int fd, int kind, unsigned slot, uint64_t number, unsigned count,
                         off_t offset)
{
  static struct sector sectors[FILE_BLOCKS_MAX * BLOCK / SECTOR];

  for (unsigned i = 0; i < count; i++)
    fill_sector(&sectors[i], kind, slot, number, i, count);
  ssize_t bytes = count * sizeof *sectors;
  return pwrite(fd, sectors, bytes, offset) == bytes ? 0 : -1;
}

/* ---- run: each operation returns 0, or -1 when the filesystem failed ---- */

static int replace_file(unsigned slot, uint64_t number)
{
  char name[32];
  int fd = openat(directory, "new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  unsigned count = 1 + random_below(FILE_BLOCKS_MAX * BLOCK / SECTOR);

  snprintf(name, sizeof name, "r%u", slot);
  int failed = fd < 0 || write_sectors(fd, 'R', slot, number, count, 0) < 0 || fsync(fd) < 0;
  if (fd >= 0)
    failed |= close(fd) < 0;
  return failed || renameat(directory, "new", directory, name) < 0 || fsync(directory) < 0 ? -1 : 0;
}

static int overwrite_block(int fd, unsigned slot, uint64_t number)
{
  if (write_sectors(fd, 'W', slot, number, BLOCK / SECTOR, (off_t)slot * BLOCK) < 0)
    return -1;
  return fdatasync(fd);
}

static int append_record(int fd, uint64_t number)
{
  if (write_sectors(fd, 'A', 0, number, 1, (off_t)(number - 1) * SECTOR) < 0)
    return -1;
  return fsync(fd);
}

/* What fails here because of earlier noise is of no interest. */
static void make_noise(void)
{
  char name[32], other[32];
  unsigned i = random_below(40);

  snprintf(name, sizeof name, "noise%u", i);
  snprintf(other, sizeof other, "noise%u", (unsigned)random_below(40));
  switch (random_below(4)) {
  case 0:
    mkdirat(directory, name, 0700);
    break;
  case 1:
    renameat(directory, name, directory, other);
    break;
  case 2:
    if (unlinkat(directory, name, 0) < 0)
      unlinkat(directory, name, AT_REMOVEDIR);
    break;
  default: {
    int fd = openat(directory, name, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
      write_sectors(fd, '-', i, 0, 1 + random_below(64), random_below(64) * SECTOR);
      close(fd);
    }
  }
  }
}

static void acknowledge(int acks, int log, char kind, unsigned slot, uint64_t number)
{
  struct stat st = { .st_size = 0 };

  if (log >= 0 && fstat(log, &st) < 0)
    fail("log: %m");
  if (dprintf(acks, "%c %u %" PRIu64 " %jd\n", kind, slot, number, (intmax_t)st.st_size) < 0)
    fail("acks: %m");
}

static int prepare(int *blocks, int *records)
{
  *blocks = openat(directory, "w", O_RDWR | O_CREAT | O_TRUNC, 0600);
  *records = openat(directory, "a", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (*blocks < 0 || *records < 0)
    return -1;
  for (unsigned i = 0; i < BLOCKS; i++)
    if (write_sectors(*blocks, 'W', i, 0, BLOCK / SECTOR, (off_t)i * BLOCK) < 0)
      return -1;
  if (fsync(*blocks) < 0 || fsync(*records) < 0)
    return -1;
  return fsync(directory);
}

static void run(int acks, int log, double seconds)
{
  struct timespec begin, now;
  uint64_t number = 0, records = 0;
  int block_file, record_file;
  int failed = prepare(&block_file, &record_file);

  clock_gettime(CLOCK_MONOTONIC, &begin);
  if (!failed)
    acknowledge(acks, log, 'B', 0, 0);
  while (!failed) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - begin.tv_sec + (now.tv_nsec - begin.tv_nsec) / 1e9 > seconds)
      return;
    unsigned slot = random_below(SLOTS), block = random_below(BLOCKS);
    number++;
    switch (random_below(5)) {
    case 0:
      if (!(failed = replace_file(slot, number)))
        acknowledge(acks, log, 'R', slot, number);
      break;
    case 1:
      if (!(failed = overwrite_block(block_file, block, number)))
        acknowledge(acks, log, 'W', block, number);
      break;
    case 2:
      if (!(failed = append_record(record_file, records + 1)))
        acknowledge(acks, log, 'A', 0, ++records);
      break;
    default:
      make_noise();
    }
  }
  printf("stopped at number %" PRIu64 ": %s\n", number, strerror(errno));
}

/* ---- verify ---- */

/* False: not even the files were acknowledged. */
static bool read_acks(struct acks *acks, const char *path, uint64_t limit, unsigned *lines)
{
  FILE *file = fopen(path, "r");
  char kind;
  unsigned slot;
  uint64_t number, bytes;
  bool begun = false;

  if (file == NULL)
    fail("%s: %m", path);
  for (*lines = 0; fscanf(file, " %c %u %" SCNu64 " %" SCNu64, &kind, &slot, &number, &bytes) == 4;
       ++*lines) {
    if (bytes > limit)
      break;
    begun = true;
    if (kind == 'R' && slot < SLOTS)
      acks->file[slot] = number;
    else if (kind == 'W' && slot < BLOCKS)
      acks->block[slot] = number;
    else if (kind == 'A')
      acks->record = number;
  }
  fclose(file);
  return begun;
}

/* The sectors at OFFSET are all of one version, at least the acknowledged one. */
static void verify_sectors(int fd, const char *what, int kind, unsigned slot, uint64_t acked,
                           off_t offset, bool whole_file)
{
  struct sector first, sector;
  struct stat st;

  if (pread(fd, &first, sizeof first, offset) != (ssize_t)sizeof first)
    fail("%s %u: cannot read, acknowledged %" PRIu64, what, slot, acked);
  if (first.number < acked)
    fail("%s %u: is version %" PRIu64 ", acknowledged %" PRIu64, what, slot, first.number, acked);
  if (whole_file && (fstat(fd, &st) < 0 || st.st_size != (off_t)first.count * SECTOR))
    fail("%s %u: has %jd bytes in place of %u", what, slot, (intmax_t)st.st_size,
         first.count * SECTOR);
  for (unsigned i = 0; i < first.count; i++)
    if (pread(fd, &sector, sizeof sector, offset + (off_t)i * SECTOR) != (ssize_t)sizeof sector ||
        !sector_is(&sector, kind, slot, first.number, i, first.count))
      fail("%s %u: sector %u is not version %" PRIu64, what, slot, i, first.number);
}

static int open_existing(const char *name)
{
  int fd = openat(directory, name, O_RDONLY);
  if (fd < 0)
    fail("%s: %m", name);
  return fd;
}

static void verify(const struct acks *acks)
{
  char name[32];

  for (unsigned slot = 0; slot < SLOTS; slot++) {
    snprintf(name, sizeof name, "r%u", slot);
    if (acks->file[slot] == 0 && faccessat(directory, name, F_OK, 0) < 0)
      continue;
    int fd = open_existing(name);
    verify_sectors(fd, "file", 'R', slot, acks->file[slot], 0, true);
    close(fd);
  }
  int fd = open_existing("w");
  for (unsigned slot = 0; slot < BLOCKS; slot++)
    verify_sectors(fd, "block", 'W', slot, acks->block[slot], (off_t)slot * BLOCK, false);
  close(fd);
  fd = open_existing("a");
  for (uint64_t number = 1; number <= acks->record; number++)
    verify_sectors(fd, "record", 'A', 0, number, (off_t)(number - 1) * SECTOR, false);
  close(fd);
}

int main(int argc, char **argv)
{
  struct acks wanted = { { 0 }, { 0 }, 0 };
  unsigned lines;

  if (argc < 4)
    fail("usage: fs-load run DIRECTORY ACKS SECONDS SEED [LOG] | verify DIRECTORY ACKS [BYTES]");
  directory = open(argv[2], O_RDONLY | O_DIRECTORY);
  if (directory < 0)
    fail("%s: %m", argv[2]);
  if (strcmp(argv[1], "run") == 0 && argc >= 6) {
    int acks = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
    int log = argc > 6 ? open(argv[6], O_RDONLY) : -1;
    if (acks < 0 || (argc > 6 && log < 0))
      fail("%s or the log: %m", argv[3]);
    seed = strtoull(argv[5], NULL, 0);
    run(acks, log, strtod(argv[4], NULL));
  } else if (strcmp(argv[1], "verify") == 0) {
    uint64_t limit = argc > 4 ? strtoull(argv[4], NULL, 0) : UINT64_MAX;
    if (read_acks(&wanted, argv[3], limit, &lines))
      verify(&wanted);
    printf("%u acknowledgements hold\n", lines);
  } else
    fail("no such command: %s", argv[1]);
  return 0;
}
