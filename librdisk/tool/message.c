/* SPDX-License-Identifier: BSD-3-Clause */
/* message.c - what the command says on stderr, and which exit status it means. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

static void message_va(const struct args *args, const char *format, va_list list)
{
  progress_clear();
  fprintf(stderr, "rdisk: %s: ", args->command->name);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
}

void message(const struct args *args, const char *format, ...)
{
  va_list list;

  va_start(list, format);
  message_va(args, format, list);
  va_end(list);
}

int message_usage(const struct args *args, const char *format, ...)
{
  va_list list;

  va_start(list, format);
  message_va(args, format, list);
  va_end(list);
  fprintf(stderr, "Try 'rdisk %s --help'.\n", args->command->name);
  return STATUS_USAGE;
}

static int status_of(int code)
{
  switch (code) {
  case RDISK_EDAMAGED:
    return STATUS_DAMAGED;
  case RDISK_EBUSY:
    return STATUS_IN_USE;
  case RDISK_EFOREIGN:
  case RDISK_EVERSION:
    return STATUS_FOREIGN;
  case RDISK_ENOSPC:
    return STATUS_NO_SPACE;
  default:
    return STATUS_FAILED;
  }
}

int message_failure(const struct args *args, int code, const char *line)
{
  const char *hint = "";

  if (code == RDISK_EBUSY && args->store != NULL && args->size == NULL)
    hint = " (a server that has it open is asked with --control SOCKET)";
  message(args, "%s%s", line != NULL && line[0] != '\0' ? line : rdisk_strerror(code), hint);
  return status_of(code);
}

const char *message_level(enum rdisk_log_level level)
{
  static const char *const names[] = {"error", "warning", "info", "debug"};

  return (unsigned)level < 4 ? names[level] : "info";
}

/* A failed call says its line itself, so of the log only what it passes over in
 * silence is shown: warnings. */
void message_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  if (level == RDISK_LOG_WARNING || (level > RDISK_LOG_WARNING && getenv("RDISK_DEBUG") != NULL))
    message(opaque, "%s: %s", message_level(level), line);
}
