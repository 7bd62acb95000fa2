/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-list.c - rdisk list. */
#include "config.h"

#include <stdio.h>

#include "tool.h"

static void print_checkpoints(const json_t *checkpoints)
{
  size_t i;
  json_t *one;

  printf("%20s  %-19s  %s\n", "CHECKPOINT", "TIME", "NAME");
  json_array_foreach((json_t *)checkpoints, i, one)
  {
    const char *name = json_string_value(json_object_get(one, "name"));
    char text[SIZE_TEXT_BYTES];

    printf("%20" JSON_INTEGER_FORMAT "  %-19s  %s\n",
           json_integer_value(json_object_get(one, "sequence")),
           print_time((uint64_t)json_integer_value(json_object_get(one, "time_s")), text),
           name != NULL ? name : "-");
  }
}

static int list(const struct args *args)
{
  json_t *answer;
  int status = target_ask(args, "list", &answer);

  if (status != STATUS_OK)
    return status;
  if (args->json)
    print_json(answer);
  else
    print_checkpoints(json_object_get(answer, "checkpoints"));
  json_decref(answer);
  return STATUS_OK;
}

const struct command command_list = {
    .name = "list",
    .operands = "STORE",
    .summary = "list the checkpoints that a store can be set back to",
    .description = "List the checkpoints that a store can be set back to, oldest first.",
    .options = "cJ",
    .run = list,
};
