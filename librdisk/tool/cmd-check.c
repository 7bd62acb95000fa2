/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-check.c - rdisk check: every map page, root and log record of a store
 * that nobody has open for writing.  Findings go to stdout: they are the result. */
#include "config.h"

#include <stdio.h>

#include "tool.h"

struct check {
  const struct args *args;
  json_t *findings; /* NULL: print them as they come */
};

static void report(void *opaque, enum rdisk_log_level level, const char *rule, const char *line)
{
  struct check *check = opaque;

  progress_clear();
  if (check->findings != NULL)
    json_array_append_new(
        check->findings,
        json_pack("{s:s, s:s, s:s}", "level", message_level(level), "rule", rule, "message", line));
  else
    printf("%s: %s: %s\n", message_level(level), rule, line);
}

static int conclude(const struct check *check, int result)
{
  const struct args *args = check->args;

  if (result < 0 && result != RDISK_EDAMAGED)
    return message_failure(args, result, rdisk_last_error());
  if (args->json) {
    json_t *answer = json_pack("{s:b, s:O}", "sound", result == 0, "findings", check->findings);

    print_json(answer);
    json_decref(answer);
  } else {
    printf("%s: %s\n", args->store, result == 0 ? "sound" : "damaged");
  }
  return result == 0 ? STATUS_OK : STATUS_DAMAGED;
}

static int check_store(const struct args *args)
{
  struct check check = {.args = args, .findings = args->json ? json_array() : NULL};
  int result = rdisk_check(args->store, report, progress_show, &check);
  int status;

  progress_clear();
  status = conclude(&check, result);
  json_decref(check.findings);
  return status;
}

const struct command command_check = {
    .name = "check",
    .operands = "STORE",
    .summary = "look for damage, changing nothing",
    .description =
        "Check every checksum and rule of a store that nobody has open for writing, and change\n"
        "nothing.  Exit status 3: damage was found, and each finding told.",
    .options = "J",
    .run = check_store,
};
