/* SPDX-License-Identifier: BSD-3-Clause */
/* powercut.c - what may be left of a store's file after the power failed:
 *
 *   powercut BASE LOG SEED IMAGE
 *
 * BASE is the file as it was when powercut-record.so began to write LOG.  From
 * SEED an instant is chosen; IMAGE becomes a state that the file may have then.
 * Prints what was done to it, and last "log N": an fsync that was answered
 * when LOG had at most N bytes was answered before the power failed.
 *
 * The disk's rules.  A change is durable when a flush that began after the
 * change had ended has itself ended.  Each other change begun by then is lost,
 * whole, torn at 512 bytes, or has whole units of 4096 bytes turned to garbage;
 * these come in any order.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "powercut.h"

enum { SECTOR = 512, UNIT = 4096 };

struct change {
  const struct powercut_event *event;
  const uint8_t *data; /* NULL: zeroes */
  bool done;
  bool durable;
};

struct history {
  const uint8_t *log;
  size_t log_bytes;
  size_t cut; /* bytes of the log that happened */
  struct change *change;
  size_t count;
};

static uint64_t seed;

static uint64_t random_below(uint64_t bound)
{
  seed += 0x9e3779b97f4a7c15u;
  uint64_t x = seed;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  return (x ^ (x >> 32)) % bound;
}

static void die(const char *what)
{
  fprintf(stderr, "powercut: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void *allocate(size_t count, size_t bytes)
{
  void *memory = calloc(count ? count : 1, bytes);
  if (memory == NULL)
    die("memory");
  return memory;
}

/* ---- the log ---- */

static void load(struct history *history, const char *path)
{
  struct stat st;
  int fd = open(path, O_RDONLY);

  if (fd < 0 || fstat(fd, &st) < 0)
    die(path);
  history->log_bytes = st.st_size;
  history->log = mmap(NULL, st.st_size ? st.st_size : 1, PROT_READ, MAP_PRIVATE, fd, 0);
  if (history->log == MAP_FAILED)
    die(path);
  close(fd);
}

/* The event at *POSITION, which moves on; NULL: no whole event is left, as when
 * the server was killed while it appended one. */
static const struct powercut_event *next_event(const struct history *history, size_t limit,
                                               size_t *position)
{
  const struct powercut_event *event = (const void *)(history->log + *position);
  size_t left = limit - *position;

  if (left < sizeof *event)
    return NULL;
  if (event->magic != POWERCUT_MAGIC) {
    errno = EINVAL;
    die("not a log");
  }
  size_t bytes = sizeof *event + (event->type == POWERCUT_WRITE ? event->length : 0);
  if (left < bytes)
    return NULL;
  *position += bytes;
  return event;
}

/* Half of the cuts beside a flush, the others anywhere. */
static void choose_cut(struct history *history)
{
  const struct powercut_event *event;
  size_t events = 0, flushes = 0, position = 0, before = 0;
  bool beside_flush = random_below(2) == 0;

  while ((event = next_event(history, history->log_bytes, &position)) != NULL) {
    events++;
    flushes += event->type == POWERCUT_FLUSH;
  }
  beside_flush = beside_flush && flushes > 0;
  uint64_t left = random_below((beside_flush ? flushes : events) + !beside_flush);
  bool after = random_below(2);
  position = 0;
  while ((event = next_event(history, history->log_bytes, &position)) != NULL) {
    if (beside_flush ? event->type == POWERCUT_FLUSH && left-- == 0 : left-- == 0) {
      history->cut = after ? position : before;
      return;
    }
    before = position;
  }
  history->cut = before;
}

static struct change *find(const struct history *history, uint64_t id)
{
  for (size_t i = history->count; i-- > 0;)
    if (history->change[i].event->id == id)
      return &history->change[i];
  return NULL;
}

/* A flush under way. */
struct flush {
  uint64_t id;
  bool *done; /* each change begun before it: whether it had ended then */
  size_t count;
  struct flush *next;
};

static struct flush *flush_began(const struct history *history, uint64_t id, struct flush *next)
{
  struct flush *flush = allocate(1, sizeof *flush);
  flush->id = id;
  flush->count = history->count;
  flush->done = allocate(flush->count, sizeof *flush->done);
  for (size_t i = 0; i < flush->count; i++)
    flush->done[i] = history->change[i].done;
  flush->next = next;
  return flush;
}

static void flush_free(struct flush *flush)
{
  free(flush->done);
  free(flush);
}

static void event_done(struct history *history, struct flush **flushes, uint64_t id)
{
  struct change *change = find(history, id);

  if (change != NULL) {
    change->done = true;
    return;
  }
  for (struct flush **link = flushes; *link != NULL; link = &(*link)->next) {
    struct flush *flush = *link;
    if (flush->id != id)
      continue;
    for (size_t i = 0; i < flush->count; i++)
      history->change[i].durable |= flush->done[i];
    *link = flush->next;
    flush_free(flush);
    return;
  }
}

/* All that happened before the cut, in order. */
static unsigned replay(struct history *history)
{
  const struct powercut_event *event;
  struct flush *flushes = NULL; /* under way */
  unsigned flush_count = 0;
  size_t position = 0;

  history->change = allocate(history->log_bytes / sizeof *event + 1, sizeof *history->change);
  while ((event = next_event(history, history->cut, &position)) != NULL) {
    if (event->type == POWERCUT_DONE)
      event_done(history, &flushes, event->id);
    else if (event->type == POWERCUT_FLUSH) {
      flushes = flush_began(history, event->id, flushes);
      flush_count++;
    } else
      history->change[history->count++] = (struct change){
        .event = event,
        .data = event->type == POWERCUT_WRITE ? (const uint8_t *)(event + 1) : NULL,
      };
  }
  while (flushes != NULL) { /* the power failed before they ended */
    struct flush *next = flushes->next;
    flush_free(flushes);
    flushes = next;
  }
  return flush_count;
}

/* ---- the image ---- */

static void copy_base(const char *base_path, int image)
{
  int base = open(base_path, O_RDONLY);
  off_t end = base < 0 ? -1 : lseek(base, 0, SEEK_END);
  char *bytes = allocate(1, 1 << 20);

  if (end < 0 || ftruncate(image, end) < 0)
    die(base_path);
  for (off_t data = 0; (data = lseek(base, data, SEEK_DATA)) >= 0;) {
    off_t hole = lseek(base, data, SEEK_HOLE);
    while (data < hole) {
      size_t want = hole - data < 1 << 20 ? hole - data : 1 << 20;
      ssize_t got = pread(base, bytes, want, data);
      if (got <= 0 || pwrite(image, bytes, got, data) != got)
        die(base_path);
      data += got;
    }
  }
  free(bytes);
  close(base);
}

static void put(int image, const uint8_t *data, uint64_t length, uint64_t offset)
{
  static const uint8_t zeroes[UNIT];

  while (length > 0) {
    uint64_t some = data ? length : length < UNIT ? length : UNIT;
    if (pwrite(image, data ? data : zeroes, some, offset) != (ssize_t)some)
      die("image");
    data = data ? data + some : NULL;
    offset += some;
    length -= some;
  }
}

static void put_garbage(int image, uint64_t offset)
{
  uint8_t garbage[UNIT];

  for (size_t i = 0; i < UNIT; i++)
    garbage[i] = random_below(256);
  put(image, garbage, UNIT, offset);
}

static void apply_whole(int image, const struct change *change)
{
  if (change->event->type == POWERCUT_SIZE) {
    if (ftruncate(image, change->event->offset) < 0)
      die("image");
  } else
    put(image, change->data, change->event->length, change->event->offset);
}

/* Each piece of STEP bytes arrives or does not; garbage in place of some. */
static void apply_pieces(int image, const struct change *change, uint64_t step, bool garbage)
{
  const struct powercut_event *event = change->event;

  for (uint64_t at = 0; at < event->length; at += step) {
    uint64_t some = event->length - at < step ? event->length - at : step;
    unsigned fate = random_below(3);
    if (fate == 0 && garbage && some == UNIT && event->offset % UNIT == 0)
      put_garbage(image, event->offset + at);
    else if (fate != 1)
      put(image, change->data ? change->data + at : NULL, some, event->offset + at);
  }
}

struct tally {
  unsigned lost, whole, torn, shredded;
};

/* MOOD: 0 all are lost, 1 all arrive, else each by itself. */
static void apply_unflushed(int image, const struct change *change, unsigned mood,
                            struct tally *tally)
{
  unsigned fate = mood < 2 ? mood : random_below(4);

  if (fate == 0)
    tally->lost++;
  else if (fate == 1 || change->event->type == POWERCUT_SIZE) {
    tally->whole++;
    apply_whole(image, change);
  } else if (fate == 2) {
    tally->torn++;
    apply_pieces(image, change, SECTOR, false);
  } else {
    tally->shredded++;
    apply_pieces(image, change, UNIT, true);
  }
}

static void shuffle(struct change *change, size_t count)
{
  for (size_t i = count; i > 1; i--) {
    size_t j = random_below(i);
    struct change other = change[j];
    change[j] = change[i - 1];
    change[i - 1] = other;
  }
}

static struct tally apply(const struct history *history, int image)
{
  struct change *unflushed = allocate(history->count, sizeof *unflushed);
  struct tally tally = { 0, 0, 0, 0 };
  unsigned mood = random_below(8);
  size_t count = 0;

  for (size_t i = 0; i < history->count; i++) {
    if (history->change[i].durable)
      apply_whole(image, &history->change[i]);
    else
      unflushed[count++] = history->change[i];
  }
  shuffle(unflushed, count);
  for (size_t i = 0; i < count; i++)
    apply_unflushed(image, &unflushed[i], mood, &tally);
  free(unflushed);
  return tally;
}

int main(int argc, char **argv)
{
  struct history history = { 0 };

  if (argc != 5) {
    fprintf(stderr, "usage: powercut BASE LOG SEED IMAGE\n");
    return 2;
  }
  seed = strtoull(argv[3], NULL, 0);
  load(&history, argv[2]);
  choose_cut(&history);
  unsigned flushes = replay(&history);
  int image = open(argv[4], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (image < 0)
    die(argv[4]);
  copy_base(argv[1], image);
  struct tally tally = apply(&history, image);
  if (fsync(image) < 0 || close(image) < 0)
    die(argv[4]);
  printf("seed %s: %zu changes and %u flushes; of those not flushed %u lost, %u whole, %u torn, "
         "%u shredded\nlog %zu\n",
         argv[3], history.count, flushes, tally.lost, tally.whole, tally.torn, tally.shredded,
         history.cut);
  free(history.change);
  return 0;
}
