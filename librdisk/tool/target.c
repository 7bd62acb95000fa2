/* SPDX-License-Identifier: BSD-3-Clause */
/* target.c - ask a store something, be it a path or a server's control socket.
 *
 * There is one set of requests and answers, the control socket's: a path is
 * opened here and the library answers as a server would.  So text and JSON are
 * the same for both.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdisk-server.h"
#include "tool.h"

/* Only these change a store. */
static bool writes(const char *command)
{
  return strcmp(command, "checkpoint") == 0 || strcmp(command, "recover") == 0;
}

static int ask_path(const struct args *args, const char *command, const char *request, char **line)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;
  struct rdisk *store;
  int result, closed;

  options.flags = writes(command) ? 0 : RDISK_OPEN_READ_ONLY;
  options.progress = progress_show;
  options.log = message_log;
  options.opaque = (void *)args;
  result = rdisk_open(args->store, &options, &store);
  if (result < 0)
    return result;
  result = rdisk_control_answer(store, request, line);
  closed = rdisk_close(store);
  if (closed < 0)
    message(args, "warning: %s", rdisk_last_error());
  return result;
}

/* Take the answer's line apart. */
static int take_answer(const struct args *args, const char *line, json_t **answer)
{
  json_t *code;

  *answer = json_loads(line, 0, NULL);
  if (json_is_true(json_object_get(*answer, "ok"))) {
    json_object_del(*answer, "ok");
    return STATUS_OK;
  }
  code = json_object_get(*answer, "code");
  if (!json_is_integer(code)) {
    message(args, "control socket %s: the answer is none of an rdisk server", args->control);
    return STATUS_FAILED;
  }
  return message_failure(args, (int)json_integer_value(code),
                         json_string_value(json_object_get(*answer, "error")));
}

int target_ask(const struct args *args, const char *command, json_t **answer)
{
  char request[64], *line = NULL;
  int result, status;

  *answer = NULL;
  snprintf(request, sizeof request, "{\"command\":\"%s\"}", command);
  if (args->control != NULL)
    result = rdisk_control_call(args->control, request, &line);
  else
    result = ask_path(args, command, request, &line);
  if (result < 0)
    return message_failure(args, result, rdisk_last_error());
  status = take_answer(args, line, answer);
  free(line);
  if (status != STATUS_OK) {
    json_decref(*answer);
    *answer = NULL;
  }
  return status;
}
