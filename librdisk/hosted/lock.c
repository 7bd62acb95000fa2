/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.c - one writer or several readers a store, and what fork does to that.
 *
 * The lock is an open-file-description lock on the descriptor that writes: it keeps
 * out other processes, other opens in this one, and other paths to the same inode,
 * and the kernel drops it when the last use of the descriptor is over.  So a killed
 * writer's lock lasts until its last write has landed (see linux-uring.c), and not
 * longer: what is waited for here is that moment.  A block device is claimed with
 * O_EXCL too (linux-file.c), because it may have several inodes.
 *
 * A child of fork inherits the descriptors, and with them the lock, but no threads.
 * It must neither use the store nor keep it locked once its parent is gone: after
 * fork the child closes its copies and counts up the generation, by which every
 * call sees that the handle is not its own.  The list of locks is for that.  The
 * handle's memory stays as it was in the instant of fork and is never touched. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hosted/hosted.h"

enum { TRIES = 40, PAUSE_MS = 5 };

unsigned lock_generation = 1;

static struct store_lock *held;
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* ---- fork -------------------------------------------------------------------------- */

static void before_fork(void)
{
  pthread_mutex_lock(&held_mutex);
}

static void in_parent(void)
{
  pthread_mutex_unlock(&held_mutex);
}

static void in_child(void)
{
  lock_generation++;
  for (struct store_lock *lock = held; lock; lock = lock->next) {
    if (lock->file->cached_fd != lock->file->direct_fd)
      close(lock->file->cached_fd);
    close(lock->file->direct_fd);
  }
  held = NULL;
  pthread_mutex_unlock(&held_mutex);
}

static void watch_fork(void)
{
  pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- the lock ----------------------------------------------------------------------- */

static int try_lock(const struct linux_io *file, bool read_only)
{
  struct flock whole = { .l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

  return fcntl(file->direct_fd, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

static int refuse(const char *operation, const struct linux_io *file, bool read_only, int err)
{
  if (err != EAGAIN && err != EACCES)
    return error_system(err, operation, file->path, "its file system must support file locks");
  return error_set(RDISK_EBUSY, "%s %s: the store is in use%s; close it there, or reach its "
                   "server through the control socket", operation, file->path,
                   read_only ? " by a writer" : "");
}

/* While we waited the file may have been replaced: what is locked has no name now. */
static int check_name(const char *operation, const struct linux_io *file)
{
  struct stat st;

  if (fstat(file->direct_fd, &st) != 0 || st.st_nlink > 0)
    return 0;
  return error_set(RDISK_EBUSY, "%s %s: the file was deleted or replaced just now; try again",
                   operation, file->path);
}

int lock_take(const char *operation, struct linux_io *file, bool read_only,
              struct store_lock *lock)
{
  struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
  int err;

  pthread_once(&fork_once, watch_fork);
  for (int i = 0; (err = try_lock(file, read_only)) != 0; i++) {
    if ((err != EAGAIN && err != EACCES && err != EINTR) || i == TRIES)
      return refuse(operation, file, read_only, err);
    nanosleep(&pause, NULL);
  }
  err = check_name(operation, file);
  if (err < 0)
    return err;
  pthread_mutex_lock(&held_mutex);
  lock->file = file;
  lock->next = held;
  lock->previous = &held;
  if (held)
    held->previous = &lock->next;
  held = lock;
  pthread_mutex_unlock(&held_mutex);
  return 0;
}

/* Unlock by hand: a child between fork and its handler may still have the
 * descriptor. */
void lock_release(struct store_lock *lock)
{
  struct flock whole = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

  pthread_mutex_lock(&held_mutex);
  *lock->previous = lock->next;
  if (lock->next)
    lock->next->previous = lock->previous;
  pthread_mutex_unlock(&held_mutex);
  fcntl(lock->file->direct_fd, F_OFD_SETLK, &whole);
}
