#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bar on a terminal, nothing elsewhere; an interrupted create leaves nothing.
. "$srcdir/lib.sh" || exit 99
need script

expect 0 rdisk create --preallocate "$d/quiet" 64M
[ ! -s "$d/err" ] || fail "a bar without a terminal: $(cat "$d/err")"

# Interrupted at once: whichever is first, there is a whole store or none.
mkdir "$d/interrupted"
rdisk create --preallocate "$d/interrupted/s" 1G 2>"$d/err" &
pid=$!
sleep 0.2
kill -TERM $pid 2>"$d/err" || true
status=0
wait $pid || status=$?
if [ $status -eq 0 ]; then
  rdisk check "$d/interrupted/s"
else
  [ -z "$(ls -A "$d/interrupted")" ] || fail "left behind: $(ls -la "$d/interrupted")"
fi
rm -rf "$d/interrupted"

# The hook itself: a bar after a second on a terminal, gone at the end.
show=$builddir/show-progress
script -qec "$show 30" /dev/null >"$d/out"
tr '\r' '\n' <"$d/out" >"$d/lines"
grep -Eq '^work \[#+ +\] +[0-9]+%$' "$d/lines" || fail "no bar: $(cat -v "$d/lines")"
tail -c 20 "$d/out" | grep -q $'\r\e\[Kdone' || fail "the bar stays: $(cat -v "$d/out")"
script -qec "$show 10" /dev/null >"$d/out"
grep -q % "$d/out" && fail "a bar within the first second"
"$show" 30 2>"$d/err" >"$d/out"
[ ! -s "$d/err" ] || fail "a bar without a terminal: $(cat "$d/err")"
"$show" 100 >"$d/out" &
pid=$!
wait_for grep -qx ready "$d/out"
kill -TERM $pid
wait $pid && fail "an interrupt did not stop the call"
grep -qx stopped "$d/out" || fail "an interrupt ended the program, not the call"
