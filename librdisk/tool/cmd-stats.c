/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-stats.c - rdisk stats. */
#include "config.h"

#include "tool.h"

static const struct print_row rows[] = {
    {"reads", "Reads", PRINT_NUMBER},
    {"read_bytes", "  bytes", PRINT_SIZE},
    {"writes", "Writes", PRINT_NUMBER},
    {"write_bytes", "  bytes", PRINT_SIZE},
    {"zeroes", "Zeroes and trims", PRINT_NUMBER},
    {"zero_bytes", "  bytes", PRINT_SIZE},
    {"checkpoint_calls", "Checkpoints asked for", PRINT_NUMBER},
    {"checkpoints", "Commits", PRINT_NUMBER},
    {"commits_inline", "  with data in the log", PRINT_NUMBER},
    {"commits_synced", "  with a flush of data", PRINT_NUMBER},
    {"commits_root", "  by a root", PRINT_NUMBER},
    {"roots", "Roots written", PRINT_NUMBER},
    {"device_flushes", "Device flushes", PRINT_NUMBER},
    {"device_writes", "Device writes", PRINT_NUMBER},
    {"device_write_bytes", "  bytes", PRINT_SIZE},
    {"data_bytes", "  of data", PRINT_SIZE},
    {"log_write_bytes", "  of log", PRINT_SIZE},
    {"map_bytes", "  of map and roots", PRINT_SIZE},
    {"discards", "Discards", PRINT_NUMBER},
    {"discard_bytes", "  bytes", PRINT_SIZE},
    {"dirty_blocks", "Blocks dirty now", PRINT_NUMBER},
    {"buffered_bytes", "Bytes in memory now", PRINT_SIZE},
    {"log_used_bytes", "Log in use now", PRINT_SIZE},
    {"inline_pending", "Blocks in the log now", PRINT_NUMBER},
    {"writer_waits", "Writers that waited", PRINT_NUMBER},
};

static int stats(const struct args *args)
{
  json_t *answer;
  int status = target_ask(args, "stats", &answer);

  if (status != STATUS_OK)
    return status;
  if (args->json)
    print_json(json_object_get(answer, "stats"));
  else
    print_rows(json_object_get(answer, "stats"), rows, sizeof rows / sizeof rows[0]);
  json_decref(answer);
  return STATUS_OK;
}

const struct command command_stats = {
    .name = "stats",
    .operands = "STORE",
    .summary = "show what a server has done since it opened the store",
    .description =
        "Show what was read, written and committed since the store was opened: of a server\n"
        "with --control; of a path, what opening it took.",
    .options = "cJ",
    .run = stats,
};
