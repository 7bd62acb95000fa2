#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bench-commit: counts commits, leaves a store as a crash does, opens it again.
set -eu

bench=${builddir:?}/bench-commit
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

expect() { # TEXT ARGUMENT...
  local text=$1 result
  shift
  result=$("$bench" "$@")
  [[ $result == *"$text"* ]] || fail "$*: $result lacks $text"
}

rdisk create "$dir/store" 16M
expect '"commits": 10, "blocks": 1, "size_bytes": 16777216' commits "$dir/store" 10
expect '"commits": 5, "blocks": 8' commits "$dir/store" 5 8
expect '"clean": 1' open "$dir/store"

status=0
"$bench" crash "$dir/store" 20 8 >/dev/null 2>&1 || status=$?
[ "$status" = 137 ] || fail "crash: exit status $status, not that of SIGKILL"
expect '"clean": 0' open "$dir/store"
expect '"clean": 1' open "$dir/store"

for bad in 'open' 'commits STORE' 'commits STORE 0' 'nosuch STORE 1'; do
  # shellcheck disable=SC2086 # words on purpose
  if "$bench" ${bad/STORE/$dir/store} >/dev/null 2>"$dir/err"; then fail "accepted: $bad"; fi
  [ -s "$dir/err" ] || fail "no message for: $bad"
done
if "$bench" open "$dir/missing" 2>"$dir/err"; then fail "opened a missing store"; fi
grep -q missing "$dir/err" || fail "missing store: $(cat "$dir/err")"
