/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"

static const unsigned flags_of[WAYS] = {
  [WAY_PLAIN] = LINUX_NO_URING,
  [WAY_BUFFERED] = LINUX_BUFFERED,
};

struct linux_io *file;
struct rdisk_io *io;
struct log_lines lines;

void make_file(const char *path, off_t bytes)
{
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ftruncate(fd, bytes), 0);
  close(fd);
}

struct linux_io *open_file(const char *path, unsigned flags)
{
  struct linux_io *opened = NULL;

  lines.text[0] = '\0';
  ck_assert_msg(linux_io_open("open", path, flags, log_keep, &lines, &opened) == 0, "%s",
                rdisk_last_error());
  return opened;
}

bool set_up_way(enum way way)
{
  if (way != WAY_MEMORY)
    scratch_make();
  else if (!scratch_make_memory())
    return false;
  make_file(scratch_path("store"), FILE_BYTES);
  file = open_file(scratch_path("store"), flags_of[way]);
  io = &file->io;
  return true;
}

void tear_down(void)
{
  linux_io_close(file);
  scratch_remove();
}

void queue_run(struct rdisk_ioq *queue, struct slot *slots, unsigned count)
{
  struct rdisk_iocb *batch[DEPTH], *done[DEPTH];
  unsigned given = 0, got = 0;

  while (got < count) {
    unsigned n = 0, reaped;

    while (n < DEPTH && given < count && given - got < DEPTH) {
      slots[given].iocb.result = -99;
      batch[n++] = &slots[given++].iocb;
    }
    io->ops->submit(queue, batch, n);
    reaped = io->ops->reap(queue, done, DEPTH, 1);
    ck_assert_uint_ge(reaped, 1);
    for (unsigned i = 0; i < reaped; i++)
      ck_assert_int_eq(done[i]->result, 0);
    got += reaped;
  }
  ck_assert_uint_eq(io->ops->reap(queue, done, DEPTH, 0), 0);
}

void slot_set(struct slot *slot, enum rdisk_io_op op, uint32_t flags, unsigned char *memory,
              size_t bytes, uint64_t offset)
{
  size_t half = bytes / 2 & ~(size_t)(UNIT - 1);

  slot->iov[0] = (struct rdisk_iovec){ memory, half ? half : bytes };
  slot->iov[1] = (struct rdisk_iovec){ memory + half, half ? bytes - half : 0 };
  slot->iocb = (struct rdisk_iocb){ .op = op, .flags = flags, .offset = offset, .length = bytes,
                                    .iov = slot->iov, .iov_count = half ? 2 : 1 };
}

void queue_round_trip(unsigned char *arena, unsigned char *other, unsigned rounds)
{
  struct slot *slots = calloc(SLOTS, sizeof *slots);
  struct rdisk_ioq *queue;

  ck_assert_int_eq(io->ops->queue_open(io, DEPTH, &queue), 0);
  for (unsigned i = 0; i < SLOTS; i++) { /* one page in the arena, two beside it */
    size_t bytes = i % 2 ? 2 * UNIT : UNIT;
    unsigned char *memory = (i % 4 < 2 ? arena : other) + i * 2 * UNIT;

    fill_pattern(memory, bytes, i);
    slot_set(&slots[i], RDISK_IO_WRITE, 0, memory, bytes, (SLOTS - i) * 2 * UNIT);
  }
  for (unsigned round = 0; round < rounds; round++)
    queue_run(queue, slots, SLOTS);
  for (unsigned i = 0; i < SLOTS; i++) {
    slots[i].iocb.op = i % 16 == 0 ? RDISK_IO_FLUSH : RDISK_IO_READ;
    slots[i].iocb.flags = i % 3 == 0 ? RDISK_IO_UNCACHED : 0;
    if (slots[i].iocb.op == RDISK_IO_READ)
      memset(slots[i].iov[0].base, 0, slots[i].iocb.length);
  }
  queue_run(queue, slots, SLOTS);
  for (unsigned i = 0; i < SLOTS; i++)
    ck_assert_msg(has_pattern(slots[i].iov[0].base, slots[i].iocb.length, i), "slot %u", i);
  io->ops->queue_close(io, queue);
  free(slots);
}
