/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-info.c - rdisk info. */
#include "config.h"

#include "tool.h"

static const struct print_row rows[] = {
    {"store_id", "Store", PRINT_TEXT},
    {"label", "Label", PRINT_TEXT},
    {"size_bytes", "Size of the disk", PRINT_SIZE},
    {"layout", "Layout", PRINT_TEXT},
    {"block_bytes", "Block", PRINT_SIZE},
    {"unit_bytes", "Copy unit", PRINT_SIZE},
    {"store_bytes", "Size of the store", PRINT_SIZE},
    {"allocated_bytes", "Space it takes", PRINT_SIZE},
    {"log_bytes", "Commit log", PRINT_SIZE},
    {"format_version", "Format version", PRINT_NUMBER},
    {"created_s", "Created", PRINT_TIME},
    {"sequence", "Last checkpoint", PRINT_NUMBER},
    {"time_s", "Committed", PRINT_TIME},
    {"epoch", "Times opened", PRINT_NUMBER},
    {"clean", "Closed properly", PRINT_YES},
    {"replayed", "Records replayed", PRINT_NUMBER},
    {"discarded", "Records discarded", PRINT_NUMBER},
    {"read_only", "Open read-only", PRINT_YES},
    {"backend", "Backend", PRINT_TEXT},
};

static int info(const struct args *args)
{
  json_t *answer;
  int status = target_ask(args, "info", &answer);

  if (status != STATUS_OK)
    return status;
  if (args->json)
    print_json(json_object_get(answer, "info"));
  else
    print_rows(json_object_get(answer, "info"), rows, sizeof rows / sizeof rows[0]);
  json_decref(answer);
  return STATUS_OK;
}

const struct command command_info = {
    .name = "info",
    .operands = "STORE",
    .summary = "show what a store is: size, layout, last checkpoint",
    .description = "Show the size, the layout and the last checkpoint of a store.",
    .options = "cJ",
    .run = info,
};
