#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A program built with the flags of librdisk.pc (the build tree's, through ./run)
# makes, writes, checkpoints and reads a disk.
. "$srcdir/lib.sh" || exit 99
need pkg-config

cat >"$d/program.c" <<'END'
#include <rdisk.h>
#include <stdio.h>
#include <string.h>

#define MUST(call)                                                     \
  do {                                                                 \
    if ((call) != 0) {                                                 \
      fprintf(stderr, "%s: %s\n", #call, rdisk_last_error());          \
      return 1;                                                        \
    }                                                                  \
  } while (0)

int main(int argc, char **argv)
{
  struct rdisk *disk;
  char text[6] = "";

  (void)argc;
  MUST(rdisk_create(argv[1], 1 << 20, NULL));
  MUST(rdisk_open(argv[1], NULL, &disk));
  MUST(rdisk_write(disk, "hello", 5, 4093, 0));
  MUST(rdisk_checkpoint(disk, NULL));
  MUST(rdisk_write(disk, "later", 5, 4093, 0));
  MUST(rdisk_close(disk));
  MUST(rdisk_open(argv[1], NULL, &disk));
  MUST(rdisk_read(disk, text, 5, 4093));
  MUST(rdisk_close(disk));
  puts(text);
  return strcmp(text, "hello") != 0;
}
END
# shellcheck disable=SC2046 # flags are several
$CC "$d/program.c" -o "$d/program" $(pkg-config --cflags --libs librdisk)
[ "$("$d/program" "$d/store")" = hello ]
