/* SPDX-License-Identifier: BSD-3-Clause */
/* new-file.h - a file that gets its name when it is complete.  Internal. */
#ifndef HOSTED_NEW_FILE_H
#define HOSTED_NEW_FILE_H

#include <limits.h>
#include <stdbool.h>

struct new_file {
  const char *path;               /* for messages */
  char target[PATH_MAX];          /* PATH without symbolic links */
  char temporary[PATH_MAX + 32];  /* its name until it is complete; "": none */
  int fd;
};

/* Make an empty file, mode 0600, beside PATH, where it will be. */
int new_file_open(const char *path, struct new_file *file);
/* Give the file, complete and synced, its name.  EEXIST unless REPLACE. */
int new_file_publish(struct new_file *file, bool replace);
/* Close it; unless it was published, it is gone. */
void new_file_close(struct new_file *file);

#endif
