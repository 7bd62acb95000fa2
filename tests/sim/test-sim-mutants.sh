#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The core with one rule broken at a time: the simulator must find each.  A mutant is
# one sed expression on one file of the core; an expression that no longer changes its
# file must follow the core.  The mutated object takes the place of its archive member.
set -u
core=$top_srcdir/librdisk/core
archive=$top_builddir/librdisk/.libs/librdisk-core.a
[ -f "$archive" ] || { echo "no static archive of the core: $archive" >&2; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
include=$($CC -print-file-name=include)
status=0

# mutant NAME FILE EXPRESSION SCENARIO
mutant() {
  local name=$1 file=$2 expression=$3 scenario=$4 output objects
  sed "$expression" "$core/$file" >"$work/$file"
  if cmp -s "$core/$file" "$work/$file"; then
    echo "$name: the expression changes nothing in $file any more" >&2; status=1; return
  fi
  # shellcheck disable=SC2086
  $CC $CFLAGS -w -std=gnu11 -ffreestanding -fno-stack-protector -fvisibility=hidden -nostdinc \
    -isystem "$include" -I"$core/freestanding" -I"$core" -I"$top_builddir/librdisk/core" \
    -I"$top_srcdir/librdisk" -c "$work/$file" -o "$work/mutant.o" || { status=1; return; }
  objects=("$builddir"/sim.o "$builddir"/sim-[!e]*.o)
  # shellcheck disable=SC2086
  $CC $CFLAGS "${objects[@]}" "$work/mutant.o" "$archive" -o "$work/sim" || { status=1; return; }
  output=$("$work/sim" --scenario "$scenario" --seed 1 --seeds 3000 2>&1)
  case $? in
  0) echo "$name: not found: ${output##*$'\n'}" >&2; status=1 ;;
  1) echo "$name: $(sed -n 's/^VIOLATION //p' <<<"$output")" ;;
  *) echo "$name: the core stops itself" ;;
  esac
}

mutant "D2: no flush after a record" log.c \
  's/return device_flush(core, "flush of a log record");/return core->failed;/' plain
mutant "2.3.4: no flush before a SYNCED record" commit.c \
  's/code = device_flush(core, "flush of data");/code = 0;/' plain
mutant "D1: VERIFY is not verified" recovery.c \
  's/\*matches = sum == entry.sum;/*matches = true;/' plain
mutant "2.3.13: no record of the new epoch" open.c \
  's/code = log_write_empty(core);/code = 0;/' recovery
mutant "2.3.13: no flush at open" open.c \
  's/int code = device_flush(core, "flush at open");/int code = 0;/' kill
mutant "2.3.8: no flush before a root" root.c \
  's/code = device_flush(core, "flush of the map");/code = 0;/' plain
mutant "2.3.8: the log is reused too early" log.c \
  's/return log_fit(core, core->head, atoms) + atoms - .*/return true;/' plain
mutant "D4: a place is written under a reader" writeback.c \
  's/buf->unit <= r->last && r->stamp < buf->stamp/false/' crowd
mutant "D4: the sealed interval's places are written" map-ab.c \
  's/return core->sealed && ab_written(core, core->sealed, unit);/return false;/' crowd
mutant "D3: a seal splits a large request" commit.c \
  's/while (core->open->in_progress > 0 && !core->failed)/while (false)/' crowd
mutant "D8: a failure is forgotten" error.c \
  's/core->failed = RDISK_EFAILED;/core->failed = 0;/' errors
mutant "D5: nobody looks beyond the end" recovery.c \
  's/code = look_beyond(w);/code = 0;/' damage
mutant "2.3: recovery believes the host's cache" recovery.c \
  's/RDISK_IO_UNCACHED/0/' errors
exit $status
