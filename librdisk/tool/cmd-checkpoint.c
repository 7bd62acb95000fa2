/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-checkpoint.c - rdisk checkpoint.
 *
 * A filesystem with a journal recovers from any point in time.  One without
 * (ext2) needs to be at rest when the checkpoint is made: --freeze does that,
 * since a sync alone leaves room for writes between it and the checkpoint.
 */
#include "config.h"

#include <stdio.h>

#include "tool.h"

static int checkpoint_frozen(const struct args *args, json_t **answer)
{
  struct freeze freeze;
  int status, thawed;

  if (args->control == NULL)
    return message_usage(args, "--freeze needs --control: a mounted disk has a server");
  status = freeze_begin(args, &freeze);
  if (status != STATUS_OK)
    return status;
  status = target_ask(args, "checkpoint", answer);
  thawed = freeze_end(args, &freeze);
  return status != STATUS_OK ? status : thawed;
}

static int checkpoint(const struct args *args)
{
  json_t *answer = NULL;
  int status;

  if (args->freeze != NULL)
    status = checkpoint_frozen(args, &answer);
  else
    status = target_ask(args, "checkpoint", &answer);
  if (status == STATUS_OK && args->json)
    print_json(answer);
  else if (status == STATUS_OK)
    printf("checkpoint %" JSON_INTEGER_FORMAT "\n",
           json_integer_value(json_object_get(answer, "sequence")));
  json_decref(answer);
  return status;
}

const struct command command_checkpoint = {
    .name = "checkpoint",
    .operands = "STORE",
    .summary = "make a checkpoint; show its number",
    .description =
        "Make everything written so far permanent, and show the checkpoint's number.\n"
        "A filesystem without a journal (ext2) on the disk must be at rest meanwhile: --freeze.",
    .options = "\x02"
               "cJ",
    .run = checkpoint,
};
