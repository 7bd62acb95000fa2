#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# checkpoint=SECONDS: a checkpoint every so often without being asked, none while
# nothing is written, and still one for each flush.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve checkpoint=0.1 control="$control"
before=$(ask info | number sequence)
nbd 'h.pwrite(b"t" * 4096, 0)'
timer_ran() { [ "$(ask info | number sequence)" -gt "$before" ]; }
wait_for timer_ran
before=$(ask stats | number checkpoints)
sleep 0.5
[ "$(ask stats | number checkpoints)" = "$before" ] || fail "commits while nothing is written"
crash

serve checkpoint=3600
nbd '
assert h.pread(4096, 0) == b"t" * 4096, "the timed checkpoint is gone"
h.pwrite(b"f" * 4096, 0)
h.flush()
'
crash
serve
nbd 'assert h.pread(4096, 0) == b"f" * 4096, "the flush was no checkpoint"'
stop

for wrong in 0 -1 1e3 inf nan "" 1.5.2 5s 1e999 99999999999999999999 FLUSH; do
  if nbdkit -f -U - rdisk "$store" checkpoint="$wrong" --run true 2>"$d/error"; then
    fail "checkpoint=$wrong was taken"
  fi
  grep -q "checkpoint policy '$wrong'" "$d/error" || fail "checkpoint=$wrong: $(cat "$d/error")"
done
