/* SPDX-License-Identifier: BSD-3-Clause */
/* control-command.c - the requests of the control socket: one JSON object in,
 * one out; rdisk-server(3) describes them.
 *
 * A request names its command and nothing else: a key that is not known is an
 * error, so that a newer client's option is never dropped in silence.  Answers
 * carry the fields of rdisk.h's structs under their own names; sizes are whole
 * numbers of bytes.
 */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

/* ---- values ----------------------------------------------------------------- */

/* JSON integers are signed 64-bit numbers here; sizes and counts stay below. */
static json_t *number(uint64_t value)
{
  return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

/* TEXT may come from the disk: what is no UTF-8 becomes question marks. */
static json_t *text_value(const char *text)
{
  json_t *value = json_string(text);
  char *plain;

  if (value != NULL)
    return value;
  plain = strdup(text);
  if (plain == NULL)
    return NULL;
  for (char *p = plain; *p != '\0'; p++)
    if ((unsigned char)*p >= 0x80)
      *p = '?';
  value = json_string(plain);
  free(plain);
  return value;
}

static json_t *refusal(int code, const char *reason)
{
  json_t *answer = json_pack("{s:b, s:i}", "ok", 0, "code", code);

  json_object_set_new(answer, "error", text_value(reason));
  return answer;
}

static json_t *failure(int code)
{
  return refusal(code, rdisk_last_error());
}

/* {"ok": true, KEY: VALUE}; takes VALUE. */
static json_t *success(const char *key, json_t *value)
{
  json_t *answer = json_pack("{s:b}", "ok", 1);

  json_object_set_new(answer, key, value);
  return answer;
}

/* ---- info and stats -------------------------------------------------------- */

struct field {
  const char *key;
  size_t offset;
  size_t bytes;
};

/* The members of a struct field. */
#define INFO(name) #name, offsetof(struct rdisk_info, name), sizeof((struct rdisk_info *)0)->name
#define STAT(name) #name, offsetof(struct rdisk_stats, name), sizeof(uint64_t)

static const struct field info_fields[] = {
  { INFO(format_version) }, { INFO(block_bytes) }, { INFO(unit_bytes) },      { INFO(size_bytes) },
  { INFO(store_bytes) },    { INFO(log_bytes) },   { INFO(allocated_bytes) }, { INFO(sequence) },
  { INFO(time_s) },         { INFO(created_s) },   { INFO(epoch) },           { INFO(replayed) },
  { INFO(discarded) },      { NULL, 0, 0 },
};

static const struct field stats_fields[] = {
  { STAT(reads) },
  { STAT(read_bytes) },
  { STAT(writes) },
  { STAT(write_bytes) },
  { STAT(zeroes) },
  { STAT(zero_bytes) },
  { STAT(checkpoints) },
  { STAT(checkpoint_calls) },
  { STAT(commits_inline) },
  { STAT(commits_synced) },
  { STAT(commits_root) },
  { STAT(roots) },
  { STAT(device_flushes) },
  { STAT(device_writes) },
  { STAT(device_write_bytes) },
  { STAT(data_bytes) },
  { STAT(log_write_bytes) },
  { STAT(map_bytes) },
  { STAT(discards) },
  { STAT(discard_bytes) },
  { STAT(dirty_blocks) },
  { STAT(buffered_bytes) },
  { STAT(log_used_bytes) },
  { STAT(inline_pending) },
  { STAT(writer_waits) },
  { NULL, 0, 0 },
};

static void add_fields(json_t *object, const struct field *fields, const void *structure)
{
  for (; fields->key != NULL; fields++) {
    const char *at = (const char *)structure + fields->offset;
    uint64_t wide;
    uint32_t narrow;

    if (fields->bytes == sizeof wide) {
      memcpy(&wide, at, sizeof wide);
    } else {
      memcpy(&narrow, at, sizeof narrow);
      wide = narrow;
    }
    json_object_set_new(object, fields->key, number(wide));
  }
}

static json_t *store_id_value(const uint8_t id[16])
{
  char text[33];

  for (unsigned i = 0; i < 16; i++)
    snprintf(text + 2 * i, 3, "%02x", id[i]);
  return json_string(text);
}

static json_t *command_info(struct rdisk_server *server)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  int result = rdisk_get_info(server->store, &info);
  json_t *object;

  if (result < 0)
    return failure(result);
  object = json_object();
  json_object_set_new(object, "store_id", store_id_value(info.store_id));
  json_object_set_new(object, "label", text_value(info.label));
  json_object_set_new(object, "layout",
                      info.layout == RDISK_LAYOUT_AB ? json_string("ab") : number(info.layout));
  add_fields(object, info_fields, &info);
  json_object_set_new(object, "clean", json_boolean(info.clean));
  json_object_set_new(object, "read_only", json_boolean(info.read_only));
  json_object_set_new(object, "backend", text_value(info.backend));
  return success("info", object);
}

static json_t *command_stats(struct rdisk_server *server)
{
  struct rdisk_stats stats = RDISK_STATS_INIT;
  int result = rdisk_get_stats(server->store, &stats);
  json_t *object;

  if (result < 0)
    return failure(result);
  object = json_object();
  add_fields(object, stats_fields, &stats);
  return success("stats", object);
}

/* ---- checkpoints ------------------------------------------------------------- */

static json_t *command_checkpoint(struct rdisk_server *server)
{
  uint64_t sequence;
  int result = rdisk_checkpoint(server->store, &sequence);

  if (result < 0)
    return failure(result);
  return success("sequence", number(sequence));
}

static json_t *command_recover(struct rdisk_server *server)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  int result = rdisk_recover(server->store);

  if (result == 0 && server->options.recovered != NULL)
    server->options.recovered(server->options.opaque);
  if (result == 0)
    result = rdisk_get_info(server->store, &info);
  if (result < 0)
    return failure(result);
  server_log(server, RDISK_LOG_WARNING, "set back to checkpoint %llu on request",
             (unsigned long long)info.sequence);
  return success("sequence", number(info.sequence));
}

static int list_one(void *opaque, const struct rdisk_checkpoint_info *info)
{
  json_t *array = opaque;
  json_t *entry = json_object();

  json_object_set_new(entry, "sequence", number(info->sequence));
  json_object_set_new(entry, "time_s", number(info->time_s));
  json_object_set_new(entry, "name", info->name != NULL ? text_value(info->name) : json_null());
  return json_array_append_new(array, entry) < 0 ? RDISK_ENOMEM : 0;
}

static json_t *command_list(struct rdisk_server *server)
{
  json_t *array = json_array();
  int result = rdisk_list(server->store, list_one, array);

  if (result == 0)
    return success("checkpoints", array);
  json_decref(array);
  return failure(result);
}

static json_t *command_ping(struct rdisk_server *server)
{
  const char *policy = server->options.policy == RDISK_POLICY_MANUAL ? "manual" : "flush";
  json_t *answer = success("version", json_string(rdisk_version()));

  json_object_set_new(answer, "pid", number((uint64_t)getpid()));
  json_object_set_new(answer, "policy", json_string(policy));
  json_object_set_new(answer, "interval_s", json_real(server->options.interval_s));
  return answer;
}

/* ---- requests ------------------------------------------------------------------ */

static const struct command {
  const char *name;
  json_t *(*run)(struct rdisk_server *server);
} commands[] = {
  { "checkpoint", command_checkpoint },
  { "recover", command_recover },
  { "list", command_list },
  { "info", command_info },
  { "stats", command_stats },
  { "ping", command_ping },
};

static json_t *run_command(struct rdisk_server *server, const char *name)
{
  char reason[128];

  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp(commands[i].name, name) == 0)
      return commands[i].run(server);
  snprintf(reason, sizeof reason, "request: there is no command '%.32s'", name);
  return refusal(RDISK_EINVAL, reason);
}

static json_t *run_request(struct rdisk_server *server, const char *line, size_t length)
{
  json_error_t error;
  json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
  const char *name = json_string_value(json_object_get(request, "command"));
  json_t *answer;

  if (request == NULL)
    answer = refusal(RDISK_EINVAL, "request: not a JSON object");
  else if (name == NULL)
    answer = refusal(RDISK_EINVAL, "request: not an object with a \"command\"");
  else if (json_object_size(request) != 1)
    answer = refusal(RDISK_EINVAL, "request: has a key besides \"command\"");
  else
    answer = run_command(server, name);
  json_decref(request);
  return answer;
}

/* Takes ANSWER. */
static char *answer_line(json_t *answer)
{
  char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
  size_t length = text != NULL ? strlen(text) : 0;
  char *line = text != NULL ? realloc(text, length + 2) : NULL;

  json_decref(answer);
  if (line == NULL) {
    free(text);
    return NULL;
  }
  line[length] = '\n';
  line[length + 1] = '\0';
  return line;
}

char *control_answer(struct rdisk_server *server, const char *line, size_t length)
{
  return answer_line(run_request(server, line, length));
}

char *control_refusal(int code, const char *reason)
{
  return answer_line(refusal(code, reason));
}

int rdisk_control_answer(struct rdisk *store, const char *request, char **answer)
{
  struct rdisk_server server = { .store = store };

  *answer = control_answer(&server, request, strlen(request));
  if (*answer == NULL)
    return error_set(RDISK_ENOMEM, "control request: no memory");
  (*answer)[strlen(*answer) - 1] = '\0'; /* the newline */
  return 0;
}
