/* SPDX-License-Identifier: BSD-3-Clause */
/* daemon.c - into the background, before the store is opened (its handle does
 * not survive a fork), yet the one who typed the command learns how it went:
 * the child keeps stderr until the mount is there and then writes a byte into
 * a pipe; if it ends before that, the pipe ends with it and the starter fails.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse-rdisk.h"

static void await_child(int descriptor)
{
  char byte;
  ssize_t count;

  do
    count = read(descriptor, &byte, 1);
  while (count < 0 && errno == EINTR);
  _exit(count == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int daemon_start(bool foreground)
{
  int ends[2];

  if (foreground)
    return -1;
  if (pipe2(ends, O_CLOEXEC) < 0) {
    log_line(RDISK_LOG_ERROR, "cannot make a pipe: %m");
    exit(EXIT_FAILURE);
  }
  pid_t child = fork();
  if (child < 0) {
    log_line(RDISK_LOG_ERROR, "cannot fork: %m");
    exit(EXIT_FAILURE);
  }
  if (child > 0) {
    close(ends[1]);
    await_child(ends[0]);
  }
  close(ends[0]);
  setsid();
  return ends[1];
}

void daemon_ready(int descriptor)
{
  if (descriptor < 0)
    return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    for (int fd = 0; fd <= 2; fd++)
      dup2(null, fd);
    if (null > 2)
      close(null);
  }
  /* A starter that is gone already is no reason to stop. */
  while (write(descriptor, "", 1) < 0 && errno == EINTR)
    ;
  close(descriptor);
}
