/* SPDX-License-Identifier: BSD-3-Clause */
/* control-socket.c - the control socket's name in the file system.
 *
 * The file has mode 0600 from the instant it exists: on Linux bind() gives the
 * file the mode of the unbound socket, set by fchmod, so that the process's
 * umask (other threads' too) is left alone.
 *
 * A server that was killed leaves its file behind.  Connecting to it is refused
 * by the kernel, and only then is it replaced.  A file that answers, or that is
 * no socket, is never touched.  At the end the file is removed only if it is
 * still the one that was made here.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

static int socket_address(const char *path, struct sockaddr_un *address)
{
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (path[0] == '\0')
    return error_set(RDISK_EINVAL, "control socket: the path is empty");
  if (strlen(path) >= sizeof address->sun_path)
    return error_set(RDISK_EINVAL, "control socket %s: the path is longer than %zu bytes", path,
                     sizeof address->sun_path - 1);
  strcpy(address->sun_path, path);
  return 0;
}

static int socket_error(const char *path, const char *what, int error)
{
  int code = error == ENOENT || error == ENOTDIR || error == ECONNREFUSED ? RDISK_ENOENT
             : error == EACCES || error == EPERM || error == EROFS        ? RDISK_EPERM
             : error == EAGAIN                                            ? RDISK_EBUSY
                                                                          : RDISK_EIO;

  return error_set(code, "control socket %s: %s: %s", path, what,
                   error == ECONNREFUSED ? "no server answers there" : strerror(error));
}

/* Somebody's file stands at the path: 0 if it may be replaced. */
static int socket_replace(const char *path, const struct sockaddr_un *address)
{
  struct stat status;
  int fd, error;

  if (lstat(path, &status) < 0)
    return errno == ENOENT ? 0 : socket_error(path, "stat", errno);
  if (!S_ISSOCK(status.st_mode))
    return error_set(RDISK_EEXIST, "control socket %s: the file exists and is not a socket", path);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return socket_error(path, "socket", errno);
  error = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
  close(fd);
  if (error != ECONNREFUSED)
    return error_set(RDISK_EBUSY, "control socket %s: another server answers there", path);
  if (unlink(path) < 0 && errno != ENOENT)
    return socket_error(path, "remove a dead server's socket", errno);
  return 0;
}

static int socket_bind(int fd, const char *path)
{
  struct sockaddr_un address;
  int result = socket_address(path, &address);

  if (result < 0)
    return result;
  if (fchmod(fd, 0600) < 0)
    return socket_error(path, "chmod", errno);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return 0;
  if (errno != EADDRINUSE)
    return socket_error(path, "bind", errno);
  result = socket_replace(path, &address);
  if (result == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
    result = socket_error(path, "bind", errno);
  return result;
}

int control_socket_listen(const char *path, int *fd, struct stat *identity)
{
  int result;

  *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*fd < 0)
    return socket_error(path, "socket", errno);
  result = socket_bind(*fd, path);
  if (result == 0 && lstat(path, identity) < 0)
    result = socket_error(path, "stat", errno);
  if (result == 0 && listen(*fd, CONTROL_CONNECTIONS) < 0) {
    result = socket_error(path, "listen", errno);
    control_socket_remove(path, identity);
  }
  if (result < 0)
    close(*fd);
  return result;
}

void control_socket_remove(const char *path, const struct stat *identity)
{
  struct stat now;

  if (lstat(path, &now) == 0 && now.st_dev == identity->st_dev && now.st_ino == identity->st_ino)
    unlink(path);
}

int control_socket_connect(const char *path, int *fd)
{
  struct sockaddr_un address;
  int result = socket_address(path, &address);

  if (result < 0)
    return result;
  *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*fd < 0)
    return socket_error(path, "socket", errno);
  if (connect(*fd, (struct sockaddr *)&address, sizeof address) == 0)
    return 0;
  result = socket_error(path, "connect", errno);
  close(*fd);
  return result;
}
