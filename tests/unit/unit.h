/* SPDX-License-Identifier: BSD-3-Clause */
/* unit.h - what the unit tests share: scratch folders, patterns, transfers,
 * sandboxes, and the main function of a libcheck program. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rdisk-io.h"
#include "rdisk.h"

/* A folder on a real file system (the build tree's) or, where there is one, in
 * memory; removed with all files in it by scratch_remove. */
const char *scratch_make(void);
const char *scratch_make_memory(void); /* NULL: no tmpfs here */
void scratch_remove(void);
/* FOLDER/NAME, in one of a few static buffers. */
const char *scratch_path(const char *name);

void *aligned_memory(size_t bytes); /* zeroed; free() it */
void fill_pattern(void *memory, size_t bytes, uint64_t seed);
bool has_pattern(const void *memory, size_t bytes, uint64_t seed);
bool is_zero(const void *memory, size_t bytes);

/* One transfer of one range through ops->run. */
int io_run(struct rdisk_io *io, enum rdisk_io_op op, uint32_t flags, void *memory,
           size_t bytes, uint64_t offset);

/* Run BODY in a child process; its exit status (128 + n if killed by signal n).
 * The body returns 0 for success. */
int in_child(int (*body)(void *opaque), void *opaque);
/* From now on system call NUMBER fails with ERR in this process; with MASK, only
 * if its argument ARGUMENT has all bits of MASK.  False: no seccomp here. */
bool sandbox(int number, int err, unsigned argument, uint32_t mask);

/* Keeps the lines of a log hook. */
struct log_lines {
  char text[8192];
};
void log_keep(void *opaque, enum rdisk_log_level level, const char *line);

/* A small tmpfs of its own in a mount namespace of its own; for a child. */
bool mount_small_tmpfs(const char *folder, const char *size);

int run_suite(Suite *suite);

#endif
