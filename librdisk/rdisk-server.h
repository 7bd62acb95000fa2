/* SPDX-License-Identifier: BSD-3-Clause */
/* rdisk-server.h - what every program that serves a store needs: the checkpoint
 * policy (flush, manual or every so many seconds) and the control socket through
 * which `rdisk --control` reaches it.  See rdisk-server(3).
 *
 * Policy.  flush: each flush is a checkpoint.  SECONDS: that, and a checkpoint
 * every so often.  manual: only when asked; a flush then waits until the writes
 * have reached the device and promises nothing more.
 *
 * The control socket is made with mode 0600; peers are admitted by their
 * credentials (the server's own user, and root).  One request a line, one
 * answer a line, both JSON objects: see rdisk-server(3).
 */
#ifndef RDISK_SERVER_H
#define RDISK_SERVER_H

#include "rdisk.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rdisk_server;

enum rdisk_policy { RDISK_POLICY_FLUSH = 0, RDISK_POLICY_MANUAL = 1 };

struct rdisk_server_options {
  size_t struct_bytes;
  enum rdisk_policy policy;
  double interval_s;   /* > 0: also a checkpoint every so often (SECONDS) */
  const char *control; /* path of the control socket; NULL: none */
  /* Called when the disk was set back (rdisk_recover): drop caches. */
  void (*recovered)(void *opaque);
  rdisk_log_fn *log;
  void *opaque;
};
#define RDISK_SERVER_OPTIONS_INIT { .struct_bytes = sizeof(struct rdisk_server_options) }

/* Parse "flush", "manual" or a number of seconds (fractions allowed, > 0) into
 * options.  EINVAL with a line in rdisk_last_error(). */
int rdisk_server_parse_policy(const char *text, struct rdisk_server_options *options);

/* Start serving: the timer's and the socket's threads.  The store stays the
 * caller's, who closes it after rdisk_server_stop. */
int rdisk_server_start(struct rdisk *store, const struct rdisk_server_options *options,
                       struct rdisk_server **server);
/* A client's flush, by the policy. */
int rdisk_server_flush(struct rdisk_server *server);
/* Stop the threads and remove the socket.  Unless the policy is manual, makes a
 * last checkpoint, whose result it returns. */
int rdisk_server_stop(struct rdisk_server *server);

/* A client: send REQUEST (one line of JSON), get the answer's line in ANSWER
 * (malloced, the caller frees it). */
int rdisk_control_call(const char *socket_path, const char *request, char **answer);

/* The same without a server: carry REQUEST out on an open store. */
int rdisk_control_answer(struct rdisk *store, const char *request, char **answer);

#ifdef __cplusplus
}
#endif
#endif
