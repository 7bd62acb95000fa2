/* SPDX-License-Identifier: BSD-3-Clause */
/* new-file.c - a file that gets its name when it is complete.
 *
 * O_TMPFILE makes it without a name, so that even a crash leaves nothing behind;
 * file systems that cannot do that get a hidden temporary name, which lasts if we
 * are killed.  Publishing a new name never replaces (link, or rename that refuses
 * to); replacing is a rename.  The directory is synced last. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted/error.h"
#include "hosted/new-file.h"

static int fail(const struct new_file *file, int err)
{
  switch (err) {
  case ENOENT:
  case ENOTDIR:
    return error_system(err, "create", file->path, "make its directory first");
  case EEXIST:
    return error_system(err, "create", file->path,
                        "choose another name, or use force to replace it");
  case ENOSPC:
  case EDQUOT:
    return error_system(err, "create", file->path, "make room");
  case EROFS:
    return error_system(err, "create", file->path, "choose a writable file system");
  default:
    return error_system(err, "create", file->path, "check the permissions of its directory");
  }
}

static void directory_of(const struct new_file *file, char *directory)
{
  char copy[PATH_MAX];

  strcpy(copy, file->target);
  strcpy(directory, dirname(copy));
}

/* A hidden name beside the target, unlike any other. */
static void make_name(struct new_file *file)
{
  char directory[PATH_MAX];
  unsigned long long salt = 0;

  directory_of(file, directory);
  if (getrandom(&salt, sizeof salt, 0) < 0)
    salt = (unsigned long long)getpid();
  snprintf(file->temporary, sizeof file->temporary, "%s/.rdisk-%016llx", directory, salt);
}

static int open_named(struct new_file *file)
{
  make_name(file);
  file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file->fd < 0)
    file->temporary[0] = '\0';
  return file->fd;
}

int new_file_open(const char *path, struct new_file *file)
{
  char directory[PATH_MAX];

  file->path = path;
  file->temporary[0] = '\0';
  if (path[0] == '\0' || path[strlen(path) - 1] == '/')
    return error_set(RDISK_EINVAL, "create %s: this names no file; give a file name", path);
  if (strlen(path) >= sizeof file->target)
    return fail(file, ENAMETOOLONG);
  if (!realpath(path, file->target))
    strcpy(file->target, path);
  directory_of(file, directory);
  file->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
    open_named(file);
  return file->fd < 0 ? fail(file, errno) : 0;
}

/* ---- publishing ------------------------------------------------------------------------ */

static int link_as(const struct new_file *file, const char *name)
{
  char self[64];

  if (file->temporary[0])
    return linkat(AT_FDCWD, file->temporary, AT_FDCWD, name, 0);
  snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
  return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static int publish_new(struct new_file *file)
{
  if (!file->temporary[0])
    return link_as(file, file->target);
  if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->target, RENAME_NOREPLACE) == 0) {
    file->temporary[0] = '\0';
    return 0;
  }
  return errno == EINVAL || errno == ENOSYS ? link_as(file, file->target) : -1;
}

static int publish_over(struct new_file *file)
{
  if (!file->temporary[0]) {
    char name[sizeof file->temporary];

    make_name(file);
    strcpy(name, file->temporary);
    file->temporary[0] = '\0';
    if (link_as(file, name) != 0)
      return -1;
    strcpy(file->temporary, name);
  }
  if (rename(file->temporary, file->target) != 0)
    return -1;
  file->temporary[0] = '\0';
  return 0;
}

static int sync_directory(const struct new_file *file)
{
  char directory[PATH_MAX];
  int fd, r;

  directory_of(file, directory);
  fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  r = fsync(fd);
  close(fd);
  return r;
}

int new_file_publish(struct new_file *file, bool replace)
{
  if ((replace ? publish_over(file) : publish_new(file)) != 0 || sync_directory(file) != 0)
    return fail(file, errno);
  return 0;
}

void new_file_close(struct new_file *file)
{
  if (file->temporary[0])
    unlink(file->temporary);
  close(file->fd);
}
