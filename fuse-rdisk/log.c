/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - lines for people: stderr while the starter waits (and with -f), then
 * syslog.  A line is written by one call, so that threads do not mix theirs.
 *
 * Stderr gets warnings and errors, and the rest with -d; syslog all but what is
 * for debugging.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "fuse-rdisk.h"

/* Set while there is one thread. */
static bool verbose_lines;
static bool use_syslog;

void log_verbose(bool verbose)
{
  verbose_lines = verbose;
}

void log_to_syslog(void)
{
  openlog("fuse-rdisk", LOG_PID, LOG_DAEMON);
  use_syslog = true;
}

static void put_line(enum rdisk_log_level level, const char *line)
{
  static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO };

  if (use_syslog && level <= RDISK_LOG_INFO)
    syslog(priority[level], "%s", line);
  else if (!use_syslog && (level <= RDISK_LOG_WARNING || verbose_lines))
    fprintf(stderr, "fuse-rdisk: %s\n", line);
}

void log_line(enum rdisk_log_level level, const char *format, ...)
{
  char line[1024];
  va_list args;

  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  put_line(level, line);
}

void log_hook(void *opaque, enum rdisk_log_level level, const char *line)
{
  (void)opaque;
  put_line(level, line);
}

/* Libfuse writes some lines in pieces: they stay as they come. */
void log_from_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
  if (use_syslog && level <= FUSE_LOG_INFO)
    vsyslog(level, format, args);
  else if (!use_syslog)
    vfprintf(stderr, format, args);
}
