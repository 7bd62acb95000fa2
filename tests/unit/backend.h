/* SPDX-License-Identifier: BSD-3-Clause */
/* backend.h - what the tests of the Linux backend share: a file, open in one of
 * the ways in which it can work. */
#ifndef TESTS_UNIT_BACKEND_H
#define TESTS_UNIT_BACKEND_H

#include "backends/linux.h"
#include "unit.h"

enum { UNIT = 4096, FILE_BYTES = 4 << 20, DEPTH = 32, SLOTS = 200 };

enum way { WAY_URING, WAY_PLAIN, WAY_BUFFERED, WAY_MEMORY, WAYS };

extern struct linux_io *file;
extern struct rdisk_io *io; /* &file->io */
extern struct log_lines lines;

bool set_up_way(enum way way); /* false: not here */
void tear_down(void);
void make_file(const char *path, off_t bytes);
struct linux_io *open_file(const char *path, unsigned flags);

struct slot {
  struct rdisk_iocb iocb;
  struct rdisk_iovec iov[2];
};

void slot_set(struct slot *slot, enum rdisk_io_op op, uint32_t flags, unsigned char *memory,
              size_t bytes, uint64_t offset);
/* Pass COUNT slots through QUEUE, up to DEPTH at once; all must succeed. */
void queue_run(struct rdisk_ioq *queue, struct slot *slots, unsigned count);
/* Write ROUNDS times through a new queue, from SLOTS * 2 units of each memory; read
 * and compare. */
void queue_round_trip(unsigned char *arena, unsigned char *other, unsigned rounds);

#endif
