#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bench-file: every workload does all its requests and flushes; wrong contents fail a run.
set -eu

bench=${builddir:?}/bench-file
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

expect() { # FIELDS ARGUMENT...: the result must contain FIELDS
  local fields=$1 result
  shift
  result=$("$bench" "$@" "$dir/file")
  [[ $result == *"$fields"* ]] || fail "$*: $result lacks $fields"
}

expect '"ops": 16, "request_bytes": 262144, "depth": 8, "connections": 1, "flushes": 1' \
  -w seqwrite -s 4M
[ "$(stat -c %s "$dir/file")" = 4194304 ] || fail "seqwrite made a file of another size"
expect '"ops": 16, "request_bytes": 262144, "depth": 8, "connections": 1, "flushes": 0' -w seqread
expect '"ops": 300, "request_bytes": 4096, "depth": 32, "connections": 1, "flushes": 1' \
  -w randwrite -n 300
expect '"depth": 1, "connections": 1, "flushes": 20' -w syncwrite -n 20
expect '"depth": 16, "connections": 1, "flushes": 3' -w flushwrite -n 192
expect '"depth": 16, "connections": 1, "flushes": 4' -w flushwrite -n 200
expect '"first_us": {' -w firstwrite -n 256 -k 64 -f 8
expect '"flushes": 0' -w randread -n 300
expect '"flushes": 0' -w seqread

# One block that is not what was written there.
printf 'x' | dd of="$dir/file" bs=1 seek=8192 conv=notrunc status=none
if "$bench" -w seqread "$dir/file" >"$dir/out" 2>"$dir/err"; then
  fail "seqread did not see wrong contents"
fi
grep -q 'wrong contents at 8192' "$dir/err" || fail "wrong contents: $(cat "$dir/err")"
"$bench" -w seqread --no-verify "$dir/file" >/dev/null

for bad in '-w nosuch' '-w randread -n 1x' '-w randread -b 100' '-w randread -d 0' ''; do
  # shellcheck disable=SC2086 # words on purpose
  if "$bench" $bad "$dir/file" >/dev/null 2>"$dir/err"; then fail "accepted: $bad"; fi
  [ -s "$dir/err" ] || fail "no message for: $bad"
done
if "$bench" -w randread "$dir/missing" 2>"$dir/err"; then fail "read a missing file"; fi
grep -q 'No such file' "$dir/err" || fail "missing file: $(cat "$dir/err")"
