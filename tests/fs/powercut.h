/* SPDX-License-Identifier: BSD-3-Clause */
/* powercut.h - the log of what a server did to its store's file, written by
 * powercut-record.so and read by powercut.  Host byte order: it never leaves
 * the machine.
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include <stdint.h>

enum powercut_type {
  POWERCUT_WRITE = 1, /* begun; length bytes of data follow */
  POWERCUT_PUNCH = 2, /* begun: the range becomes zeroes */
  POWERCUT_SIZE = 3,  /* begun: the file's size becomes offset */
  POWERCUT_FLUSH = 4, /* begun */
  POWERCUT_DONE = 5   /* the event with this id has ended, well or not */
};

enum { POWERCUT_MAGIC = 0x74756350 };

struct powercut_event {
  uint32_t magic;
  uint32_t type;
  uint64_t id;
  uint64_t offset;
  uint64_t length;
};

#endif
