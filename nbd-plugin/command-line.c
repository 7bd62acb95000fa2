/* SPDX-License-Identifier: BSD-3-Clause */
/* command-line.c - was nbdkit started with -r?
 *
 * nbdkit tells a plugin only when a client connects, but a store is opened
 * before that: for reading alone it may be shared and must not change, for
 * writing it is locked.  So the process's own command line is read.
 *
 * The answer decides how the store is opened and nothing else.  Were it wrong,
 * the export would be read-only where it need not be, or a store that nbdkit
 * keeps from being written would be locked; never the other way round, because
 * nbdkit itself refuses writes under -r.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* nbdkit's short options that take an argument, which may follow at once. */
static const char with_argument[] = "DegipPtuU";

static bool is_read_only_option(const char *argument)
{
  if (argument[0] != '-')
    return false;
  if (argument[1] == '-') /* --readonly, --read-only and what is short for them */
    return strncmp(argument, "--read", 6) == 0;
  for (const char *p = argument + 1; *p != '\0' && strchr(with_argument, *p) == NULL; p++)
    if (*p == 'r')
      return true;
  return false;
}

bool nbdkit_is_read_only(void)
{
  FILE *file = fopen("/proc/self/cmdline", "re");
  char *argument = NULL;
  size_t room = 0;
  bool found = false;

  if (file == NULL)
    return false;
  while (!found && getdelim(&argument, &room, '\0', file) > 0)
    found = is_read_only_option(argument);
  free(argument);
  fclose(file);
  return found;
}
