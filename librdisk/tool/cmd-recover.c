/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-recover.c - rdisk recover. */
#include "config.h"

#include <stdio.h>

#include "tool.h"

static int recover(const struct args *args)
{
  json_t *answer;
  int status = target_ask(args, "recover", &answer);

  if (status != STATUS_OK)
    return status;
  if (args->json)
    print_json(answer);
  else
    printf("at checkpoint %" JSON_INTEGER_FORMAT "\n",
           json_integer_value(json_object_get(answer, "sequence")));
  json_decref(answer);
  return STATUS_OK;
}

const struct command command_recover = {
    .name = "recover",
    .operands = "STORE",
    .summary = "set a store back to its last checkpoint",
    .description =
        "Set the whole disk back to its last checkpoint; what was written after it is undone.\n"
        "Unmount a filesystem on it first.",
    .options = "cJ",
    .run = recover,
};
