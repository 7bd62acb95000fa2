/* SPDX-License-Identifier: BSD-3-Clause */
/* server.h - what the parts of a server share: server.c (policy and timer),
 * control.c (the control socket's threads), control-socket.c (its name in the
 * file system) and control-command.c (the requests).  Not installed.
 */
#ifndef RDISK_HOSTED_SERVER_H
#define RDISK_HOSTED_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "rdisk-server.h"

enum {
  CONTROL_REQUEST_MAX = 64 * 1024, /* bytes of a request line, its newline included */
  CONTROL_CONNECTIONS = 16,        /* served at once; more are turned away */
  CONTROL_TIMEOUT_MS = 10 * 1000   /* for a peer to send a request, or to take an answer */
};

struct control;

struct rdisk_server {
  struct rdisk *store;
  struct rdisk_server_options options; /* options.control is not kept */
  bool read_only;
  int stop_fd; /* an eventfd, readable once rdisk_server_stop has begun; never read */
  pthread_t timer;
  bool timer_runs;
  struct control *control; /* NULL: no control socket */
};

void server_log(const struct rdisk_server *server, enum rdisk_log_level level, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

/* Start a thread that takes no signals: those belong to the program. */
int server_thread(pthread_t *thread, void *(*run)(void *), void *argument);

int64_t server_now_ns(void); /* monotonic */

/* The control socket.  Failures are in rdisk_last_error(). */
int control_start(struct rdisk_server *server, const char *path);
void control_stop(struct rdisk_server *server); /* stop_fd is readable already */

/* Its socket: listening, mode 0600.  IDENTITY is that of the file made. */
int control_socket_listen(const char *path, int *fd, struct stat *identity);
void control_socket_remove(const char *path, const struct stat *identity);
int control_socket_connect(const char *path, int *fd);

/* Carry out the request LINE; the answer's line with its newline, malloced.
 * NULL: no memory. */
char *control_answer(struct rdisk_server *server, const char *line, size_t length);
/* The answer that tells of a failure. */
char *control_refusal(int code, const char *reason);

#endif
