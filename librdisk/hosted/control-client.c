/* SPDX-License-Identifier: BSD-3-Clause */
/* control-client.c - ask a server through its control socket.
 *
 * One connection, one request, one answer.  The server may answer and close
 * before it has read the request (it turns the peer away), so a failure to send
 * is told only if no answer comes.  The wait is bounded: a caller may hold a
 * frozen file system meanwhile.
 *
 * A server that goes into the background returns to the shell before it has made
 * its socket, so one that is not there is given a moment.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

enum {
  ANSWER_MAX = 16 * 1024 * 1024,
  ANSWER_TIMEOUT_MS = 60 * 1000,
  START_TIMEOUT_MS = 1000, /* for a server to make its socket */
  START_PAUSE_MS = 20
};

struct call {
  const char *path;
  int fd;
  int64_t deadline_ns;
  char *answer;
  size_t filled, room;
};

static int call_wait(const struct call *call, short events)
{
  struct pollfd fd = { .fd = call->fd, .events = events };
  int64_t left_ms;

  while ((left_ms = (call->deadline_ns - server_now_ns()) / 1000000) > 0)
    if (poll(&fd, 1, (int)left_ms) > 0)
      return 0;
  return error_set(RDISK_ETIMEDOUT, "control socket %s: no answer within %d seconds", call->path,
                   ANSWER_TIMEOUT_MS / 1000);
}

static int call_send(const struct call *call, const char *text, size_t length)
{
  while (length > 0) {
    ssize_t sent = send(call->fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) {
      text += sent;
      length -= (size_t)sent;
    } else if (errno == EAGAIN) {
      int result = call_wait(call, POLLOUT);

      if (result < 0)
        return result;
    } else if (errno != EINTR) {
      return 0; /* turned away: the answer says why */
    }
  }
  return 0;
}

static int call_grow(struct call *call)
{
  size_t room = call->room == 0 ? 4096 : 2 * call->room;
  char *answer = room <= ANSWER_MAX ? realloc(call->answer, room) : NULL;

  if (answer == NULL)
    return error_set(RDISK_ENOMEM, "control socket %s: no memory for the answer", call->path);
  call->answer = answer;
  call->room = room;
  return 0;
}

/* Read up to the newline, which becomes the end of the string. */
static int call_receive(struct call *call)
{
  for (;;) {
    char *newline = call->filled > 0 ? memchr(call->answer, '\n', call->filled) : NULL;
    int result = 0;
    ssize_t got;

    if (newline != NULL) {
      *newline = '\0';
      return 0;
    }
    if (call->filled == call->room)
      result = call_grow(call);
    if (result == 0)
      result = call_wait(call, POLLIN);
    if (result < 0)
      return result;
    got = recv(call->fd, call->answer + call->filled, call->room - call->filled, MSG_DONTWAIT);
    if (got > 0)
      call->filled += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
      return error_set(RDISK_EIO, "control socket %s: the server closed without an answer",
                       call->path);
  }
}

static int call_run(struct call *call, const char *request)
{
  int result = call_send(call, request, strlen(request));

  if (result == 0)
    result = call_send(call, "\n", 1);
  if (result == 0)
    result = call_receive(call);
  return result;
}

static int call_connect(struct call *call)
{
  int64_t give_up_ns = server_now_ns() + START_TIMEOUT_MS * INT64_C(1000000);

  for (;;) {
    int result = control_socket_connect(call->path, &call->fd);

    if (result != RDISK_ENOENT || server_now_ns() >= give_up_ns)
      return result;
    poll(NULL, 0, START_PAUSE_MS);
  }
}

int rdisk_control_call(const char *socket_path, const char *request, char **answer)
{
  struct call call = { .path = socket_path };
  int result;

  *answer = NULL;
  if (strchr(request, '\n') != NULL)
    return error_set(RDISK_EINVAL, "control socket %s: a request is one line", socket_path);
  result = call_connect(&call);
  if (result < 0)
    return result;
  call.deadline_ns = server_now_ns() + ANSWER_TIMEOUT_MS * INT64_C(1000000);
  result = call_run(&call, request);
  close(call.fd);
  if (result < 0)
    free(call.answer);
  else
    *answer = call.answer;
  return result;
}
