/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the options of every command, once: parsed and shown by --help from
 * the same table.  A command names the letters it takes.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

/* Letters above '~' stand for options that have no short form. */
enum { OPTION_LOG_SIZE = '\x01', OPTION_FREEZE = '\x02' };

struct option_row {
  char letter;
  const char *name;
  const char *value; /* NULL: takes none */
  const char *help;
};

static const struct option_row rows[] = {
    {'l', "layout", "NAME", "how versions of a block are placed: ab (two places a block)"},
    {'b', "block-size", "SIZE", "logical block, 512 to 64K, a power of two (default: 4096)"},
    {OPTION_LOG_SIZE, "log-size", "SIZE", "commit log (default: by the size of the disk)"},
    {'p', "preallocate", NULL, "write the whole file out now: steady speed, no ENOSPC later"},
    {'L', "label", "TEXT", "a name for people, up to 63 bytes"},
    {'f', "force", NULL, "overwrite an existing file, store or device"},
    {OPTION_FREEZE, "freeze", "MOUNTPOINT", "freeze that filesystem, checkpoint, thaw it"},
    {'c', "control", "SOCKET", "ask the server at SOCKET, which has the store open"},
    {'J', "json", NULL, "print a JSON object"},
    {'h', "help", NULL, "show this help"},
    {'V', "version", NULL, "show the version"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool takes(const struct command *command, char letter)
{
  return letter == 'h' || letter == 'V' || strchr(command->options, letter) != NULL;
}

void options_help(const struct command *command)
{
  bool control = takes(command, 'c');

  printf("Usage: rdisk %s [OPTION]... %s\n", command->name, command->operands);
  if (control)
    printf("       rdisk %s [OPTION]... --control SOCKET\n", command->name);
  printf("%s\n\n", command->description);
  for (unsigned i = 0; i < ROWS; i++) {
    char left[40];

    if (!takes(command, rows[i].letter))
      continue;
    snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
             rows[i].value ? rows[i].value : "");
    if (rows[i].letter > ' ')
      printf("  -%c, %-22s %s\n", rows[i].letter, left, rows[i].help);
    else
      printf("      %-22s %s\n", left, rows[i].help);
  }
  if (takes(command, 'b'))
    printf("\nSizes are bytes, or take a suffix: K, M, G, T, P (1024), KB, MB, ... (1000).\n");
}

/* What getopt_long wants of the command's options. */
static void make_getopt(const struct command *command, char letters[2 * ROWS + 2],
                        struct option longs[ROWS + 1])
{
  unsigned count = 0;

  *letters++ = ':';
  for (unsigned i = 0; i < ROWS; i++) {
    if (!takes(command, rows[i].letter))
      continue;
    longs[count++] = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument,
                                     NULL, rows[i].letter};
    if (rows[i].letter > ' ')
      *letters++ = rows[i].letter;
    if (rows[i].letter > ' ' && rows[i].value)
      *letters++ = ':';
  }
  *letters = '\0';
  longs[count] = (struct option){0};
}

static int parse_block_bytes(struct args *args, const char *text)
{
  uint64_t bytes;

  if (!size_parse(text, &bytes) || bytes < 512 || bytes > 65536 || (bytes & (bytes - 1)) != 0)
    return message_usage(args, "--block-size '%s': must be a power of two from 512 to 64K", text);
  args->create.block_bytes = (uint32_t)bytes;
  return -1;
}

static int parse_layout(struct args *args, const char *text)
{
  if (strcmp(text, "ab") != 0)
    return message_usage(args, "--layout '%s': there is only ab", text);
  args->create.layout = RDISK_LAYOUT_AB;
  return -1;
}

static int parse_log_bytes(struct args *args, const char *text)
{
  if (!size_parse(text, &args->create.log_bytes) || args->create.log_bytes == 0)
    return message_usage(args, "--log-size '%s' is not a size", text);
  return -1;
}

static int parse_label(struct args *args, const char *text)
{
  if (strlen(text) > 63)
    return message_usage(args, "--label: %zu bytes are more than 63", strlen(text));
  args->create.label = text;
  return -1;
}

/* One option; -1: go on. */
static int take_option(struct args *args, int letter, const char *value)
{
  switch (letter) {
  case 'l':
    return parse_layout(args, value);
  case 'b':
    return parse_block_bytes(args, value);
  case OPTION_LOG_SIZE:
    return parse_log_bytes(args, value);
  case 'L':
    return parse_label(args, value);
  case 'p':
    args->create.flags |= RDISK_CREATE_PREALLOCATE;
    return -1;
  case 'f':
    args->create.flags |= RDISK_CREATE_FORCE;
    return -1;
  case OPTION_FREEZE:
    args->freeze = value;
    return -1;
  case 'c':
    args->control = value;
    return -1;
  case 'J':
    args->json = true;
    return -1;
  case 'h':
    options_help(args->command);
    return STATUS_OK;
  case 'V':
    printf("rdisk %s\n", rdisk_version());
    return STATUS_OK;
  default:
    return STATUS_USAGE;
  }
}

static int take_operands(struct args *args, int count, char **operands)
{
  bool sized = strstr(args->command->operands, "SIZE") != NULL;
  int wanted = args->control != NULL ? 0 : sized ? 2 : 1;

  if (args->control != NULL && count > 0)
    return message_usage(args, "give a STORE or --control SOCKET, not both");
  if (count < wanted && takes(args->command, 'c'))
    return message_usage(args, "no store given: a STORE or --control SOCKET is needed");
  if (count < wanted)
    return message_usage(args, "missing operand: %s", args->command->operands);
  if (count > wanted)
    return message_usage(args, "extra operand '%s'", operands[wanted]);
  args->store = wanted > 0 ? operands[0] : NULL;
  args->size = wanted > 1 ? operands[1] : NULL;
  return -1;
}

int options_parse(int argc, char **argv, const struct command *command, struct args *args)
{
  char letters[2 * ROWS + 2];
  struct option longs[ROWS + 1];
  int letter;

  make_getopt(command, letters, longs);
  opterr = 0;
  while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
    int status;

    if (letter == ':')
      return message_usage(args, "option '%s' needs a value", argv[optind - 1]);
    if (letter == '?')
      return message_usage(args, "there is no option '%s'", argv[optind - 1]);
    status = take_option(args, letter, optarg);
    if (status >= 0)
      return status;
  }
  return take_operands(args, argc - optind, argv + optind);
}
