/* SPDX-License-Identifier: BSD-3-Clause */
/* print.c - answers on stdout: rows of "title: value" for people, JSON for
 * programs.  Rows that an answer does not have are left out.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tool.h"

const char *print_time(uint64_t time_s, char text[SIZE_TEXT_BYTES])
{
  time_t when = (time_t)time_s;
  struct tm parts;

  if (time_s == 0 || localtime_r(&when, &parts) == NULL ||
      strftime(text, SIZE_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &parts) == 0)
    strcpy(text, "unknown");
  return text;
}

static void print_value(const json_t *value, enum print_format format)
{
  uint64_t number = (uint64_t)json_integer_value(value);
  char text[SIZE_TEXT_BYTES];

  if (json_is_string(value))
    printf("%s\n", json_string_value(value));
  else if (json_is_boolean(value) || format == PRINT_YES)
    printf("%s\n", json_is_true(value) || number != 0 ? "yes" : "no");
  else if (format == PRINT_SIZE && number >= 1024)
    printf("%s (%" PRIu64 " bytes)\n", size_text(number, text), number);
  else if (format == PRINT_SIZE)
    printf("%" PRIu64 " bytes\n", number);
  else if (format == PRINT_TIME)
    printf("%s\n", print_time(number, text));
  else
    printf("%" PRIu64 "\n", number);
}

void print_rows(const json_t *answer, const struct print_row *rows, unsigned count)
{
  size_t width = 0;

  for (unsigned i = 0; i < count; i++)
    if (json_object_get(answer, rows[i].key) != NULL && strlen(rows[i].title) > width)
      width = strlen(rows[i].title);
  for (unsigned i = 0; i < count; i++) {
    const json_t *value = json_object_get(answer, rows[i].key);

    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0))
      continue;
    printf("%s:%*s", rows[i].title, (int)(width - strlen(rows[i].title)) + 1, "");
    print_value(value, rows[i].format);
  }
}

void print_json(const json_t *answer)
{
  json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
  putchar('\n');
}

int print_finish(const struct args *args, int status)
{
  progress_clear();
  if (fflush(stdout) == 0 && !ferror(stdout))
    return status;
  message(args, "write to standard output: failed");
  return status == STATUS_OK ? STATUS_FAILED : status;
}
