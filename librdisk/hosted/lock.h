/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.h - who may have a store open.  Internal. */
#ifndef HOSTED_LOCK_H
#define HOSTED_LOCK_H

#include <stdbool.h>

struct linux_io;

/* A held lock; in a list of all that this process holds. */
struct store_lock {
  struct linux_io *file;
  struct store_lock *next, **previous;
};

/* Lock FILE for one writer or for several readers.  RDISK_EBUSY at once (after a
 * fraction of a second) if others are in the way.  LOCK must stay where it is
 * until it is released. */
int lock_take(const char *operation, struct linux_io *file, bool read_only,
              struct store_lock *lock);
/* Give it up, before the file is closed. */
void lock_release(struct store_lock *lock);

/* One more in each child of fork: handles of other generations are a parent's. */
extern unsigned lock_generation;

#endif
