#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No script has anything that shellcheck warns of.
. "$srcdir/lib.sh" || exit 99
need shellcheck

cd "$top_srcdir"
find . -type f \( -name '*.sh' -o -name '*.bash' -o -name quickstart -o -path './.ci/run' \
  -o -path './run.in' -o -path './tests/bin/*.in' -o -name run-bench \) \
  ! -path './build*' ! -path './check-*san.src/*' >"$d/scripts"
grep -q quickstart "$d/scripts" || fail "the scripts were not found"
status=0
while read -r script; do
  case $(head -c 80 "$script" | head -n 1) in *python*) continue ;; esac
  # Names come from the environment of tests; lib.sh is sourced through it and sets -e.
  shellcheck -S warning -e SC1090,SC1091,SC2154,SC2164 "$script" || status=1
done <"$d/scripts"
exit $status
