/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - the rdisk command: its table of contents. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct command *const commands[] = {
    &command_create,  &command_info,  &command_list,  &command_checkpoint,
    &command_recover, &command_check, &command_stats,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(void)
{
  printf("Usage: rdisk COMMAND [OPTION]... STORE\n"
         "       rdisk COMMAND [OPTION]... --control SOCKET\n"
         "Make, inspect and checkpoint recoverable disks.\n"
         "\nCommands:\n");
  for (unsigned i = 0; i < COMMANDS; i++)
    printf("  %-12s%s\n", commands[i]->name, commands[i]->summary);
  printf("\nOptions:\n"
         "  -h, --help     show this help; with a command, its help\n"
         "  -V, --version  show the version\n"
         "\nSizes are bytes, or take a suffix: K, M, G, T, P (1024), KB, MB, ... (1000).\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 3 damage found, 4 the store is in use,\n"
         "5 not a store that this version knows, 6 no space.  See rdisk(1).\n");
  return STATUS_OK;
}

static const struct command *find_command(const char *name)
{
  for (unsigned i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

static int run_command(const struct command *command, int argc, char **argv)
{
  struct args args = {.command = command, .create = RDISK_CREATE_OPTIONS_INIT};
  int status = options_parse(argc, argv, command, &args);

  if (status >= 0)
    return status;
  return print_finish(&args, command->run(&args));
}

int main(int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";
  const struct command *command = find_command(name);

  if (command != NULL)
    return run_command(command, argc - 1, argv + 1);
  if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
    return help();
  if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
    printf("rdisk %s\n", rdisk_version());
    return STATUS_OK;
  }
  if (name[0] == '\0')
    fprintf(stderr, "rdisk: no command given; try 'rdisk --help'\n");
  else
    fprintf(stderr, "rdisk: there is no command or option '%s'; try 'rdisk --help'\n", name);
  return STATUS_USAGE;
}
