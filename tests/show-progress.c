/* SPDX-License-Identifier: BSD-3-Clause */
/* show-progress.c - a call of N steps of 50 ms with the rdisk command's progress
 * hook, for test-tool-progress.sh. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tool/tool.h"

int main(int argc, char **argv)
{
  unsigned steps = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
  struct timespec pause = {.tv_nsec = 50000000};

  progress_catch_signals();
  puts("ready");
  fflush(stdout);
  for (unsigned i = 0; i < steps; i++) {
    if (progress_show(NULL, "work", i, steps) != 0) {
      progress_clear();
      puts("stopped");
      return 1;
    }
    nanosleep(&pause, NULL);
  }
  progress_clear();
  puts("done");
  return 0;
}
