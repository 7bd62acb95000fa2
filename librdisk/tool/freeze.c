/* SPDX-License-Identifier: BSD-3-Clause */
/* freeze.c - hold a mounted filesystem still (FIFREEZE), and thaw it whatever
 * happens.
 *
 * A filesystem left frozen blocks every writer for good, so thawing must not
 * depend on this process alone:
 *
 *  - signals that would end it are blocked from before the freeze until after
 *    the thaw;
 *  - a guard, a child made before the freeze, waits on a pipe.  Its end without
 *    a word (this process died, by SIGKILL too) or LIMIT_S seconds make the
 *    guard thaw.  The limit also ends the deadlock of who freezes the very
 *    filesystem that the store lies on.
 *
 * If the guard was first, the checkpoint may hold later writes: freeze_end sees
 * that from the thaw's EINVAL and fails.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

enum { LIMIT_S = 30 };

static void block_signals(int how)
{
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGQUIT);
  sigaddset(&set, SIGTSTP);
  sigaddset(&set, SIGPIPE);
  sigprocmask(how, &set, NULL);
}

/* The child.  Never returns. */
static void guard(int mount_fd, int pipe_fd)
{
  struct pollfd pollfd = {.fd = pipe_fd, .events = POLLIN};
  char done = 0;
  int ready;

  setpgid(0, 0); /* out of the way of the terminal's signals */
  do
    ready = poll(&pollfd, 1, LIMIT_S * 1000);
  while (ready < 0 && errno == EINTR);
  if (ready > 0 && read(pipe_fd, &done, 1) == 1)
    _exit(0);
  ioctl(mount_fd, FITHAW, 0);
  _exit(1);
}

static int start_guard(const struct args *args, struct freeze *freeze)
{
  int ends[2];

  if (pipe2(ends, O_CLOEXEC) < 0) {
    message(args, "freeze %s: cannot make a pipe: %s", args->freeze, strerror(errno));
    return STATUS_FAILED;
  }
  freeze->pipe_fd = ends[1];
  freeze->guard = fork();
  if (freeze->guard == 0) {
    close(ends[1]);
    guard(freeze->fd, ends[0]);
  }
  close(ends[0]);
  if (freeze->guard > 0)
    return STATUS_OK;
  close(ends[1]);
  message(args, "freeze %s: cannot start a process: %s", args->freeze, strerror(errno));
  return STATUS_FAILED;
}

/* Send the guard home; true if it had nothing to do. */
static bool stop_guard(struct freeze *freeze)
{
  bool told = write(freeze->pipe_fd, "d", 1) == 1;
  int status;

  close(freeze->pipe_fd);
  while (waitpid(freeze->guard, &status, 0) < 0 && errno == EINTR)
    ;
  return told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const char *freeze_reason(int error)
{
  switch (error) {
  case EBUSY:
    return "it is frozen already, by somebody else";
  case EOPNOTSUPP:
  case ENOTTY:
    return "this kind of filesystem cannot be frozen";
  case EPERM:
    return "only root may freeze it";
  default:
    return strerror(error);
  }
}

int freeze_begin(const struct args *args, struct freeze *freeze)
{
  freeze->fd = open(args->freeze, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (freeze->fd < 0) {
    message(args, "freeze %s: %s", args->freeze, strerror(errno));
    return STATUS_FAILED;
  }
  block_signals(SIG_BLOCK);
  if (start_guard(args, freeze) == STATUS_OK) {
    if (ioctl(freeze->fd, FIFREEZE, 0) == 0)
      return STATUS_OK;
    message(args, "freeze %s: %s", args->freeze, freeze_reason(errno));
    stop_guard(freeze);
  }
  block_signals(SIG_UNBLOCK);
  close(freeze->fd);
  return STATUS_FAILED;
}

int freeze_end(const struct args *args, struct freeze *freeze)
{
  int error = ioctl(freeze->fd, FITHAW, 0) < 0 ? errno : 0;
  bool first = stop_guard(freeze) && error == 0;

  block_signals(SIG_UNBLOCK);
  close(freeze->fd);
  if (first)
    return STATUS_OK;
  if (error == 0 || error == EINVAL)
    message(args,
            "freeze %s: it was thawed before the checkpoint was done (after %d s at the "
            "latest); the checkpoint may hold writes half done: try again",
            args->freeze, LIMIT_S);
  else
    message(args, "thaw %s: %s; try 'fsfreeze --unfreeze %s'", args->freeze, strerror(error),
            args->freeze);
  return STATUS_FAILED;
}
