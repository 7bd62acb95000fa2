/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-main.c - drives a fuzzer where there is no libFuzzer.
 *
 *   fuzz-X FILE...                          run these inputs
 *   fuzz-X --seed S --seeds N FILE...       then N mutations of them, from seed S on
 *
 * A fault aborts; what was being run is told first, and kept if it is a mutation.
 * Each input has ten seconds, so that a loop without an end is a fault, too.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20, INPUT_SECONDS = 10, FILES_MAX = 4096 };

struct input {
  uint8_t *data;
  size_t size;
};

static struct input inputs[FILES_MAX];
static unsigned input_count;
static char running[512]; /* for the report of a signal */
static struct input mutated;

static void put_bytes(int fd, const void *bytes, size_t count)
{
  ssize_t ignored = write(fd, bytes, count); /* nobody is left to tell */

  (void)ignored;
}

static void report(int number)
{
  put_bytes(STDERR_FILENO, running, strlen(running));
  if (mutated.size > 0) {
    int fd = open("fuzz-fault-input", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    put_bytes(fd, mutated.data, mutated.size);
  }
  signal(number, SIG_DFL);
  raise(number == SIGALRM ? SIGABRT : number);
}

static void run(const uint8_t *data, size_t size)
{
  uint8_t *copy = malloc(size ? size : 1); /* so that an overrun is seen */

  if (copy == NULL)
    exit(99);
  if (size)
    memcpy(copy, data, size);
  alarm(INPUT_SECONDS);
  LLVMFuzzerTestOneInput(copy, size);
  alarm(0);
  free(copy);
}

static void run_file(const char *name)
{
  FILE *file = fopen(name, "rb");
  uint8_t *data = malloc(INPUT_MAX);
  size_t size;

  if (file == NULL || data == NULL || input_count == FILES_MAX) {
    fprintf(stderr, "%s: cannot be read\n", name);
    exit(99);
  }
  size = fread(data, 1, INPUT_MAX, file);
  fclose(file);
  snprintf(running, sizeof running, "while running %s\n", name);
  run(data, size);
  inputs[input_count++] = (struct input){ data, size };
}

/* ---- mutations ------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void change_bytes(uint8_t *data, size_t size, uint64_t *state)
{
  static const uint8_t values[] = { 0, 1, 2, 4, 8, 16, 32, 64, 127, 128, 254, 255 };
  size_t at = next_random(state) % size, run_bytes = 1 + next_random(state) % 8;

  for (; run_bytes > 0 && at < size; run_bytes--, at++)
    switch (next_random(state) % 3) {
    case 0: data[at] = (uint8_t)next_random(state); break;
    case 1: data[at] = values[next_random(state) % sizeof values]; break;
    default: data[at] ^= (uint8_t)(1u << next_random(state) % 8); break;
    }
}

/* The front of one input, the back of another, some bytes changed. */
static size_t mutate(uint8_t *data, uint64_t *state)
{
  const struct input *a = &inputs[next_random(state) % input_count];
  const struct input *b = &inputs[next_random(state) % input_count];
  size_t front = next_random(state) % (a->size + 1), back = 0, size;

  if (next_random(state) % 2)
    front = a->size;
  else
    back = next_random(state) % (b->size + 1);
  if (front + back > INPUT_MAX)
    back = INPUT_MAX - front;
  memcpy(data, a->data, front);
  memcpy(data + front, b->data + b->size - back, back);
  size = front + back;
  for (uint64_t n = next_random(state) % 6; n > 0 && size > 0; n--)
    change_bytes(data, size, state);
  return size;
}

static void run_mutations(uint64_t seed, uint64_t count)
{
  uint8_t *data = malloc(INPUT_MAX);

  if (data == NULL || input_count == 0)
    exit(99);
  for (; count > 0; count--, seed++) {
    uint64_t state = seed;
    mutated = (struct input){ data, mutate(data, &state) };
    snprintf(running, sizeof running, "while running seed %llu; it is in ./fuzz-fault-input\n",
             (unsigned long long)seed);
    run(data, mutated.size);
  }
  mutated.size = 0;
  free(data);
}

int main(int argc, char **argv)
{
  uint64_t seed = 1, seeds = 0;
  int i = 1;

  for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
    if (strcmp(argv[i], "--seed") == 0)
      seed = strtoull(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--seeds") == 0)
      seeds = strtoull(argv[i + 1], NULL, 10);
  if (i >= argc) {
    fprintf(stderr, "usage: %s [--seed S --seeds N] FILE...\n", argv[0]);
    return 2;
  }
  signal(SIGABRT, report);
  signal(SIGALRM, report);
  signal(SIGILL, report);
  signal(SIGTRAP, report);
  for (; i < argc; i++)
    run_file(argv[i]);
  if (seeds > 0)
    run_mutations(seed, seeds);
  printf("%u inputs, %llu mutations: no fault\n", input_count, (unsigned long long)seeds);
  while (input_count > 0)
    free(inputs[--input_count].data);
  return 0;
}
