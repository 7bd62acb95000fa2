/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - the checkpoint policy of a program that serves a store, and its
 * timer.
 *
 * One descriptor, stop_fd, ends everything: each thread polls it beside what it
 * waits for, and as nobody reads it all of them see it.  rdisk_server_stop sets
 * it, joins the control socket's threads and the timer, and then makes the last
 * checkpoint, so that no checkpoint or recovery comes after that one.
 *
 * A store that is open read-only has nothing to checkpoint: flushes succeed,
 * the timer does not run, and stopping commits nothing.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

#define NS_PER_S       INT64_C(1000000000)
#define INTERVAL_MIN_S 0.001
#define INTERVAL_MAX_S (366.0 * 24 * 3600)

void server_log(const struct rdisk_server *server, enum rdisk_log_level level, const char *format,
                ...)
{
  char line[512];
  va_list args;

  if (server->options.log == NULL)
    return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  server->options.log(server->options.opaque, level, line);
}

int server_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
  sigset_t all, old;
  int error;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  error = pthread_create(thread, NULL, run, argument);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (error == 0)
    return 0;
  return error_set(RDISK_ENOMEM, "serve: cannot start a thread: %s", strerror(error));
}

int64_t server_now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- policy ---------------------------------------------------------------- */

/* Digits with at most one point: no sign, exponent, "inf" or locale. */
static bool parse_seconds(const char *text, double *seconds)
{
  double scale = 1;
  bool fraction = false, digits = false;

  *seconds = 0;
  for (; *text != '\0'; text++) {
    if (*text == '.' && !fraction) {
      fraction = true;
    } else if (*text >= '0' && *text <= '9') {
      digits = true;
      *seconds = *seconds * 10 + (*text - '0');
      scale *= fraction ? 10 : 1;
    } else {
      return false;
    }
  }
  *seconds /= scale;
  return digits && *seconds >= INTERVAL_MIN_S && *seconds <= INTERVAL_MAX_S;
}

int rdisk_server_parse_policy(const char *text, struct rdisk_server_options *options)
{
  double seconds = 0;

  if (strcmp(text, "manual") == 0)
    options->policy = RDISK_POLICY_MANUAL;
  else if (strcmp(text, "flush") == 0 || parse_seconds(text, &seconds))
    options->policy = RDISK_POLICY_FLUSH;
  else
    return error_set(RDISK_EINVAL,
                     "checkpoint policy '%s': must be flush, manual or a number of seconds "
                     "from 0.001 to 31622400",
                     text);
  options->interval_s = seconds;
  return 0;
}

int rdisk_server_flush(struct rdisk_server *server)
{
  if (server->read_only)
    return 0;
  if (server->options.policy == RDISK_POLICY_MANUAL)
    return rdisk_drain(server->store);
  return rdisk_checkpoint(server->store, NULL);
}

/* ---- the timer ------------------------------------------------------------- */

/* True: the server stops. */
static bool timer_sleep_until(const struct rdisk_server *server, int64_t deadline_ns)
{
  struct pollfd stop = { .fd = server->stop_fd, .events = POLLIN };
  int64_t left_ns;

  while ((left_ns = deadline_ns - server_now_ns()) > 0) {
    struct timespec left = { .tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S };

    if (ppoll(&stop, 1, &left, NULL) > 0)
      return true;
  }
  return poll(&stop, 1, 0) > 0;
}

/* A failure that repeats itself is logged once. */
static int timer_checkpoint(const struct rdisk_server *server, int last_result)
{
  int result = rdisk_checkpoint(server->store, NULL);

  if (result < 0 && result != last_result)
    server_log(server, RDISK_LOG_ERROR, "timed checkpoint: %s", rdisk_last_error());
  if (result == 0 && last_result < 0)
    server_log(server, RDISK_LOG_INFO, "timed checkpoint: succeeds again");
  return result;
}

static void *timer_run(void *argument)
{
  const struct rdisk_server *server = argument;
  int64_t interval_ns = (int64_t)(server->options.interval_s * NS_PER_S);
  int64_t deadline_ns = server_now_ns() + interval_ns;
  int result = 0;

  while (!timer_sleep_until(server, deadline_ns)) {
    result = timer_checkpoint(server, result);
    deadline_ns += interval_ns;
    if (deadline_ns < server_now_ns()) /* overslept, or a slow device */
      deadline_ns = server_now_ns() + interval_ns;
  }
  return NULL;
}

/* ---- start and stop ---------------------------------------------------------- */

static int server_copy_options(struct rdisk_server *server,
                               const struct rdisk_server_options *options)
{
  size_t bytes = sizeof server->options;

  if (options == NULL || options->struct_bytes < sizeof options->struct_bytes)
    return error_set(RDISK_EINVAL, "serve: options without their size");
  if (options->struct_bytes < bytes)
    bytes = options->struct_bytes;
  memcpy(&server->options, options, bytes);
  server->options.struct_bytes = sizeof server->options;
  if (server->options.interval_s > 0 && server->options.interval_s < INTERVAL_MIN_S)
    return error_set(RDISK_EINVAL, "serve: a checkpoint every %g s is too often",
                     server->options.interval_s);
  if (server->options.interval_s > INTERVAL_MAX_S)
    return error_set(RDISK_EINVAL, "serve: a checkpoint every %g s is too seldom",
                     server->options.interval_s);
  return 0;
}

static int server_start_threads(struct rdisk_server *server)
{
  int result = 0;

  if (server->options.control != NULL)
    result = control_start(server, server->options.control);
  server->options.control = NULL; /* the caller's; control.c has its own copy */
  if (result == 0 && server->options.interval_s > 0 && !server->read_only) {
    result = server_thread(&server->timer, timer_run, server);
    server->timer_runs = result == 0;
  }
  return result;
}

static void server_stop_threads(struct rdisk_server *server)
{
  uint64_t one = 1;

  if (write(server->stop_fd, &one, sizeof one) != sizeof one)
    abort(); /* an eventfd at 0 takes a 1 */
  control_stop(server);
  if (server->timer_runs)
    pthread_join(server->timer, NULL);
  server->timer_runs = false;
}

static void server_free(struct rdisk_server *server)
{
  if (server->stop_fd >= 0)
    close(server->stop_fd);
  free(server);
}

static int server_prepare(struct rdisk_server *server, const struct rdisk_server_options *options)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  int result = server_copy_options(server, options);

  if (result == 0)
    result = rdisk_get_info(server->store, &info);
  if (result < 0)
    return result;
  server->read_only = info.read_only != 0;
  server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (server->stop_fd < 0)
    return error_set(RDISK_ENOMEM, "serve: eventfd: %s", strerror(errno));
  return 0;
}

int rdisk_server_start(struct rdisk *store, const struct rdisk_server_options *options,
                       struct rdisk_server **server)
{
  struct rdisk_server *s = calloc(1, sizeof *s);
  int result;

  *server = NULL;
  if (s == NULL)
    return error_set(RDISK_ENOMEM, "serve: no memory");
  s->store = store;
  s->stop_fd = -1;
  result = server_prepare(s, options);
  if (result == 0) {
    result = server_start_threads(s);
    if (result < 0)
      server_stop_threads(s);
  }
  if (result < 0)
    server_free(s);
  else
    *server = s;
  return result;
}

int rdisk_server_stop(struct rdisk_server *server)
{
  int result = 0;

  server_stop_threads(server);
  if (server->options.policy != RDISK_POLICY_MANUAL && !server->read_only)
    result = rdisk_checkpoint(server->store, NULL);
  server_free(server);
  return result;
}
