/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.h - what the parts of the rdisk command share.
 *
 * main.c finds the command, options.c reads its options into struct args, the
 * command (cmd-NAME.c) does its work and returns an exit status.  A command that
 * asks a store something goes through target.c, which answers alike, with a JSON
 * object, for a path and for the control socket of a server.
 */
#ifndef RDISK_TOOL_H
#define RDISK_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "rdisk.h"

/* Exit statuses; rdisk(1) has the table. */
enum exit_status {
  STATUS_OK = 0,
  STATUS_FAILED = 1,
  STATUS_USAGE = 2,
  STATUS_DAMAGED = 3,
  STATUS_IN_USE = 4,
  STATUS_FOREIGN = 5,
  STATUS_NO_SPACE = 6
};

struct args {
  const struct command *command;
  const char *store;   /* the operand STORE; NULL with --control */
  const char *size;    /* the operand SIZE; NULL: has none */
  const char *control; /* --control; NULL: none */
  const char *freeze;  /* --freeze; NULL: none */
  bool json;
  struct rdisk_create_options create;
};

struct command {
  const char *name;
  const char *operands;    /* as --help shows them: "STORE SIZE" */
  const char *summary;     /* one line, for rdisk --help */
  const char *description; /* for its own --help */
  const char *options;     /* letters of the options it takes; see options.c */
  int (*run)(const struct args *args);
};

extern const struct command command_create, command_info, command_list, command_checkpoint,
    command_recover, command_check, command_stats;

/* options.c.  -1: go on; else the exit status. */
int options_parse(int argc, char **argv, const struct command *command, struct args *args);
void options_help(const struct command *command);

/* size.c */
enum { SIZE_TEXT_BYTES = 32 };
bool size_parse(const char *text, uint64_t *bytes);
const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES]);

/* message.c: lines on stderr, all beginning with "rdisk: COMMAND: ". */
void message(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A failed call of the library: its line, and the exit status for CODE. */
int message_failure(const struct args *args, int code, const char *line);
/* A usage error; returns STATUS_USAGE. */
int message_usage(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Hooks for the library; OPAQUE is the args. */
void message_log(void *opaque, enum rdisk_log_level level, const char *line);
const char *message_level(enum rdisk_log_level level);

/* progress.c: a hook for the library, and the bar's end (before other output). */
int progress_show(void *opaque, const char *operation, uint64_t done, uint64_t total);
void progress_clear(void);
void progress_catch_signals(void); /* an interrupt stops the call instead of the program */

/* target.c: ask the store for COMMAND; ANSWER is an object the caller releases.
 * Returns an exit status, having said what failed. */
int target_ask(const struct args *args, const char *command, json_t **answer);

/* print.c: an answer, as rows for people or as JSON. */
enum print_format {
  PRINT_TEXT,
  PRINT_NUMBER,
  PRINT_SIZE, /* bytes */
  PRINT_TIME, /* seconds since 1970; 0 is unknown */
  PRINT_YES   /* yes or no */
};
struct print_row {
  const char *key; /* in the answer */
  const char *title;
  enum print_format format;
};
void print_rows(const json_t *answer, const struct print_row *rows, unsigned count);
void print_json(const json_t *answer);
const char *print_time(uint64_t time_s, char text[SIZE_TEXT_BYTES]);
int print_finish(const struct args *args, int status); /* fails when stdout did */

/* freeze.c: hold the filesystem at MOUNTPOINT still.  freeze_end thaws it; both
 * return an exit status, having said what failed. */
struct freeze {
  int fd;      /* of the mount point */
  int pipe_fd; /* to the guard */
  int guard;   /* its process id */
};
int freeze_begin(const struct args *args, struct freeze *freeze);
int freeze_end(const struct args *args, struct freeze *freeze);

#endif
