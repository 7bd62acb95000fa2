/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-control.c - requests to the control socket, as a peer may send them: bytes up
 * to a newline.  Each must get one line of JSON, an object with "ok", and only a
 * request that is what rdisk-server(3) says may succeed.
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "rdisk.h"
#include "server.h"

/* A small store without a name; it is gone with the process. */
static struct rdisk *make_store(void)
{
  struct rdisk_create_options create = RDISK_CREATE_OPTIONS_INIT;
  struct rdisk_open_options open = RDISK_OPEN_OPTIONS_INIT;
  const char *tmp = getenv("TMPDIR");
  char folder[256], path[300];
  struct rdisk *store = NULL;
  int code;

  snprintf(folder, sizeof folder, "%s/fuzz-control.XXXXXX", tmp != NULL ? tmp : "/tmp");
  fuzz_require(mkdtemp(folder) != NULL, "no folder for a store: %s", folder);
  snprintf(path, sizeof path, "%s/store", folder);
  create.log_bytes = 64 << 10;
  create.label = "\"caf\xc3\xa9\" \\";
  open.flags = RDISK_OPEN_NO_URING | RDISK_OPEN_BUFFERED;
  code = rdisk_create(path, 64 << 10, &create);
  if (!code)
    code = rdisk_open(path, &open, &store);
  unlink(path);
  rmdir(folder);
  fuzz_require(code == 0, "no store: %s", rdisk_last_error());
  return store;
}

/* What may succeed names one known command and nothing else. */
static bool request_sound(const char *line, size_t length)
{
  static const char *const known[] = { "checkpoint", "recover", "list", "info", "stats", "ping" };
  json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
  const char *command = json_string_value(json_object_get(request, "command"));
  bool sound = false;

  for (size_t i = 0; command != NULL && i < sizeof known / sizeof known[0]; i++)
    sound = sound || strcmp(command, known[i]) == 0;
  sound = sound && json_object_size(request) == 1;
  json_decref(request);
  return sound;
}

static void check_refusal(const json_t *answer)
{
  const char *line = json_string_value(json_object_get(answer, "error"));

  fuzz_require(json_integer_value(json_object_get(answer, "code")) < 0,
               "a refusal without a code");
  fuzz_require(line != NULL && strlen(line) > 0 && strlen(line) < 1024,
               "a refusal without a reason");
}

static void check_answer(const char *text, bool may_succeed)
{
  size_t length = strlen(text);
  json_t *answer, *ok;

  fuzz_require(length > 1 && strchr(text, '\n') == text + length - 1, "not one line: %s", text);
  answer = json_loadb(text, length - 1, JSON_REJECT_DUPLICATES, NULL);
  ok = json_object_get(answer, "ok");
  fuzz_require(json_is_boolean(ok), "no answer: %s", text);
  fuzz_require(may_succeed == json_is_true(ok), "%s: %s", may_succeed ? "refused" : "carried out",
               text);
  if (!may_succeed)
    check_refusal(answer);
  json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct rdisk_server server;
  const char *line = (const char *)data;
  char *answer;

  if (server.store == NULL)
    server.store = make_store();
  if (size >= CONTROL_REQUEST_MAX || memchr(data, '\n', size) != NULL)
    return 0;
  answer = control_answer(&server, line, size);
  fuzz_require(answer != NULL, "no answer");
  check_answer(answer, request_sound(line, size));
  free(answer);
  return 0;
}
