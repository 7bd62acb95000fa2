/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - a bar on the terminal for calls that take longer than a second,
 * and a clean end for those that are interrupted: the hook tells the library to
 * stop, which leaves things as if the call had not begun.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

enum { BAR_WIDTH = 40, DELAY_MS = 1000, STEP_MS = 100 };

static struct {
  bool begun, shown, terminal;
  int64_t begin_ms, last_ms;
} bar;

static volatile sig_atomic_t interrupted;

static int64_t now_ms(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void draw(const char *operation, uint64_t done, uint64_t total)
{
  double part = total == 0 ? 0 : done >= total ? 1 : (double)done / (double)total;
  int full = (int)(part * BAR_WIDTH);
  char filled[BAR_WIDTH + 1];

  memset(filled, ' ', BAR_WIDTH);
  memset(filled, '#', (size_t)full);
  filled[BAR_WIDTH] = '\0';
  fprintf(stderr, "\r%s [%s] %3d%%", operation, filled, (int)(part * 100));
  fflush(stderr);
}

int progress_show(void *opaque, const char *operation, uint64_t done, uint64_t total)
{
  int64_t now = now_ms();

  (void)opaque;
  if (!bar.begun) {
    bar.begun = true;
    bar.terminal = isatty(STDERR_FILENO);
    bar.begin_ms = now;
  }
  if (bar.terminal && now - bar.begin_ms >= DELAY_MS && now - bar.last_ms >= STEP_MS) {
    bar.shown = true;
    bar.last_ms = now;
    draw(operation, done, total);
  }
  return interrupted;
}

void progress_clear(void)
{
  if (bar.shown)
    fputs("\r\033[K", stderr);
  bar.shown = false;
}

static void interrupt(int number)
{
  interrupted = 1;
  signal(number, SIG_DFL); /* a second one ends the program */
}

void progress_catch_signals(void)
{
  struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};

  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}
