/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - the control socket's threads.
 *
 * One thread accepts, and gives each admitted peer a thread of its own in one
 * of a fixed number of slots:
 *
 *   FREE --control_admit--> BUSY --connection_run ends--> DONE --slot_reap--> FREE
 *
 * so that a command that takes long (a checkpoint on a slow device) holds up
 * nobody else, and neither does a peer that dawdles: it has a fixed time for
 * each request, and for taking each answer.  Only the accepting thread moves a
 * slot from and to FREE; the states are atomic.  Threads are joined, never
 * detached: after control_stop none executes code of ours, which the program
 * may then unload.
 *
 * Every wait also watches the server's stop_fd.  A command under way is
 * finished and answered if the peer takes the answer at once.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_DONE };

struct connection {
  struct rdisk_server *server;
  _Atomic enum slot_state state;
  pthread_t thread;
  int fd;
  size_t filled; /* bytes in the buffer */
  char *buffer;  /* CONTROL_REQUEST_MAX bytes */
};

struct control {
  struct rdisk_server *server;
  char *path;
  struct stat identity;
  int fd;
  pthread_t thread;
  struct connection connections[CONTROL_CONNECTIONS];
};

enum wake { WAKE_READY, WAKE_TIMEOUT, WAKE_STOP };

/* Wait for EVENTS on FD, until the deadline (0: for ever) or the server's stop. */
static enum wake wait_for(const struct rdisk_server *server, int fd, short events,
                          int64_t deadline_ns)
{
  struct pollfd fds[2] = { { .fd = server->stop_fd, .events = POLLIN },
                           { .fd = fd, .events = events } };

  for (;;) {
    int timeout_ms = -1;

    if (deadline_ns != 0) {
      int64_t left_ms = (deadline_ns - server_now_ns()) / 1000000;

      if (left_ms <= 0)
        return WAKE_TIMEOUT;
      timeout_ms = (int)left_ms;
    }
    if (poll(fds, 2, timeout_ms) <= 0)
      continue;
    return fds[0].revents != 0 ? WAKE_STOP : WAKE_READY;
  }
}

static int64_t deadline_ns(void)
{
  return server_now_ns() + CONTROL_TIMEOUT_MS * INT64_C(1000000);
}

/* False: the peer is gone, does not read, or the server stops. */
static bool send_all(const struct rdisk_server *server, int fd, const char *text)
{
  int64_t deadline = deadline_ns();
  size_t left = strlen(text);

  while (left > 0) {
    ssize_t sent = send(fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno != EAGAIN)
      return false;
    if (sent < 0) {
      if (wait_for(server, fd, POLLOUT, deadline) != WAKE_READY)
        return false;
      continue;
    }
    text += sent;
    left -= (size_t)sent;
  }
  return true;
}

static void send_refusal(const struct rdisk_server *server, int fd, int code, const char *reason)
{
  char *line = control_refusal(code, reason);

  if (line != NULL)
    send_all(server, fd, line);
  free(line);
}

/* ---- a connection --------------------------------------------------------- */

/* The length of the first line in the buffer, its newline included; 0: there
 * is no whole line and there will be none. */
static size_t connection_line(struct connection *c)
{
  int64_t deadline = deadline_ns();
  size_t searched = 0;

  for (;;) {
    char *newline = memchr(c->buffer + searched, '\n', c->filled - searched);
    ssize_t got;

    if (newline != NULL)
      return (size_t)(newline - c->buffer) + 1;
    searched = c->filled;
    if (c->filled == CONTROL_REQUEST_MAX) {
      send_refusal(c->server, c->fd, RDISK_EINVAL, "request: longer than 65536 bytes");
      return 0;
    }
    switch (wait_for(c->server, c->fd, POLLIN, deadline)) {
    case WAKE_STOP:
      return 0;
    case WAKE_TIMEOUT:
      if (c->filled > 0)
        send_refusal(c->server, c->fd, RDISK_ETIMEDOUT, "request: not complete in time");
      return 0;
    case WAKE_READY:
      break;
    }
    got = recv(c->fd, c->buffer + c->filled, CONTROL_REQUEST_MAX - c->filled, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
      return 0;
    if (got > 0)
      c->filled += (size_t)got;
  }
}

static void *connection_run(void *argument)
{
  struct connection *c = argument;
  size_t length;
  bool sent = true;

  while (sent && (length = connection_line(c)) > 0) {
    char *answer = control_answer(c->server, c->buffer, length - 1);

    sent = answer != NULL && send_all(c->server, c->fd, answer);
    free(answer);
    memmove(c->buffer, c->buffer + length, c->filled - length);
    c->filled -= length;
  }
  shutdown(c->fd, SHUT_RDWR);
  atomic_store(&c->state, SLOT_DONE);
  return NULL;
}

/* ---- accepting -------------------------------------------------------------- */

static void slot_reap(struct connection *c)
{
  pthread_join(c->thread, NULL);
  close(c->fd);
  free(c->buffer);
  c->buffer = NULL;
  atomic_store(&c->state, SLOT_FREE);
}

/* A free slot, NULL if all are busy. */
static struct connection *slot_find(struct control *control)
{
  for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++) {
    struct connection *c = &control->connections[i];

    if (atomic_load(&c->state) == SLOT_DONE)
      slot_reap(c);
    if (atomic_load(&c->state) == SLOT_FREE)
      return c;
  }
  return NULL;
}

/* Only root and the server's own user are served. */
static bool peer_permitted(const struct control *control, int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || length != sizeof peer)
    return false;
  if (peer.uid == 0 || peer.uid == geteuid())
    return true;
  server_log(control->server, RDISK_LOG_WARNING, "control socket: user %u was turned away",
             (unsigned)peer.uid);
  return false;
}

static bool connection_start(struct control *control, struct connection *c, int fd)
{
  c->server = control->server;
  c->fd = fd;
  c->filled = 0;
  c->buffer = malloc(CONTROL_REQUEST_MAX);
  if (c->buffer == NULL)
    return false;
  atomic_store(&c->state, SLOT_BUSY);
  if (server_thread(&c->thread, connection_run, c) == 0)
    return true;
  atomic_store(&c->state, SLOT_FREE);
  free(c->buffer);
  c->buffer = NULL;
  return false;
}

static void control_admit(struct control *control, int fd)
{
  struct connection *slot;

  if (!peer_permitted(control, fd)) {
    send_refusal(control->server, fd, RDISK_EPERM, "only root and the server's user may do this");
  } else if ((slot = slot_find(control)) == NULL) {
    send_refusal(control->server, fd, RDISK_EBUSY, "too many connections: try again");
  } else if (connection_start(control, slot, fd)) {
    return;
  } else {
    send_refusal(control->server, fd, RDISK_ENOMEM, "no memory for a connection");
  }
  close(fd);
}

static void *control_run(void *argument)
{
  struct control *control = argument;
  int64_t pause_ns = 100 * INT64_C(1000000);

  while (wait_for(control->server, control->fd, POLLIN, 0) == WAKE_READY) {
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0)
      control_admit(control, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      wait_for(control->server, -1, 0, server_now_ns() + pause_ns);
  }
  return NULL;
}

/* ---- start and stop ----------------------------------------------------------- */

static void control_free(struct control *control)
{
  control_socket_remove(control->path, &control->identity);
  close(control->fd);
  free(control->path);
  free(control);
}

int control_start(struct rdisk_server *server, const char *path)
{
  struct control *control = calloc(1, sizeof *control);
  int result;

  if (control == NULL || (control->path = strdup(path)) == NULL) {
    free(control);
    return error_set(RDISK_ENOMEM, "control socket %s: no memory", path);
  }
  control->server = server;
  result = control_socket_listen(path, &control->fd, &control->identity);
  if (result < 0) {
    free(control->path);
    free(control);
    return result;
  }
  result = server_thread(&control->thread, control_run, control);
  if (result < 0) {
    control_free(control);
    return result;
  }
  server->control = control;
  return 0;
}

void control_stop(struct rdisk_server *server)
{
  struct control *control = server->control;

  if (control == NULL)
    return;
  pthread_join(control->thread, NULL);
  for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++)
    if (atomic_load(&control->connections[i].state) != SLOT_FREE)
      slot_reap(&control->connections[i]);
  control_free(control);
  server->control = NULL;
}
