#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The house style that a machine can see: the licence line, no tabs in C, lines of
# up to 100 columns, files of up to 600 lines, and no promises of later work.
. "$srcdir/lib.sh" || exit 99

cd "$top_srcdir"
find librdisk nbd-plugin fuse-rdisk tests -name '*.[ch]' ! -path '*/check-*san.src/*' >"$d/c"
find . \( -name '*.sh' -o -name '*.am' -o -name '*.ac' -o -name '*.mk' -o -name run.in \
  -o -name quickstart \) ! -path './build*' ! -path './check-*san.src/*' >"$d/other"
[ -s "$d/c" ] || fail "no source found"

: >"$d/findings"
found() { echo "$*" >>"$d/findings"; }

while read -r file; do
  head -n 1 "$file" | grep -qxF '/* SPDX-License-Identifier: BSD-3-Clause */' ||
    found "$file:1: the first line is not the SPDX line"
  lines=$(wc -l <"$file")
  [ "$lines" -le 600 ] || found "$file: $lines lines: has it more than one responsibility?"
  grep -nP '\t' "$file" | sed "s|^|$file: tab: |" >>"$d/findings" || true
  grep -nE '^.{101,}' "$file" | sed "s|^|$file: over 100 columns: |" >>"$d/findings" || true
done <"$d/c"
while read -r file; do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' ||
    found "$file: no SPDX line"
done <"$d/other"
words='TO''DO|FIX''ME|XX''X|HA''CK'
xargs grep -nE "\\b($words)\\b" <"$d/c" >>"$d/findings" || true
xargs grep -nE "\\b($words)\\b" <"$d/other" >>"$d/findings" || true
[ ! -s "$d/findings" ] || fail "$(cat "$d/findings")"
