#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bench-nbd: the server sees exactly the workload's requests and flushes; errors and wrong
# contents fail a run.
set -eu

bench=${builddir:?}/bench-nbd
if ! nbdkit memory --version >/dev/null 2>&1 || ! nbdkit --filter=log null --version >/dev/null 2>&1; then
  echo "skipped: nbdkit with its memory plugin and log filter is not here" >&2
  exit 77
fi
dir=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" || true
  wait
  rm -rf "$dir"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

start() { # NBDKIT-ARGUMENT...
  rm -f "$dir/socket" "$dir/pid"
  nbdkit -f -U "$dir/socket" -P "$dir/pid" "$@" 2>"$dir/server" &
  server=$!
  for ((i = 0; i < 200; i++)); do
    [ ! -e "$dir/pid" ] || return 0
    sleep 0.05
  done
  fail "nbdkit $* did not start: $(cat "$dir/server")"
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

seen() { # WORD: lines of the server's log since the last call of `expect`
  grep -c " $1 id=" "$dir/log" || true
}

expect() { # WRITES READS FLUSHES ARGUMENT...
  local want="$1 $2 $3" got
  shift 3
  : >"$dir/log"
  "$bench" "$@" "$dir/socket" >"$dir/out"
  got="$(seen Write) $(seen Read) $(seen Flush)"
  [ "$got" = "$want" ] || fail "$*: writes, reads, flushes: $got, not $want"
}

start --filter=log memory 4M logfile="$dir/log" logappend=true
expect 16 0 1 -w seqwrite
expect 0 16 0 -w seqread
expect 300 0 1 -w randwrite -n 300
expect 20 0 20 -w syncwrite -n 20
expect 192 0 3 -w flushwrite -n 192
expect 0 300 0 -w randread -n 300 -c 4
expect 300 0 1 -w randwrite -n 300 -c 4

# The same seed makes the same requests, another one others.
offsets() {
  : >"$dir/log"
  "$bench" -w syncwrite -n 50 -r "$1" "$dir/socket" >/dev/null
  sed -n 's/.* Write id=[0-9]* \(offset=[^ ]*\).*/\1/p' "$dir/log"
}
offsets 1 >"$dir/first"
offsets 1 >"$dir/again"
offsets 2 >"$dir/other"
[ "$(wc -l <"$dir/first")" = 50 ] || fail "offsets are not in the log"
cmp "$dir/first" "$dir/again" || fail "one seed, two workloads"
if cmp -s "$dir/first" "$dir/other"; then fail "two seeds, one workload"; fi
stop

start null 4M
if "$bench" -w randread -n 50 "$dir/socket" 2>"$dir/err"; then fail "believed nbdkit null"; fi
grep -q 'wrong contents' "$dir/err" || fail "wrong contents: $(cat "$dir/err")"
"$bench" -w randread -n 50 --no-verify "$dir/socket" >/dev/null
stop

start --filter=error memory 4M error-pwrite=EIO error-pwrite-rate=100%
if "$bench" -w randwrite -n 50 "$dir/socket" 2>"$dir/err"; then fail "did not see a write error"; fi
grep -q 'Input/output error' "$dir/err" || fail "write error: $(cat "$dir/err")"
stop

if "$bench" -w randread "$dir/socket" 2>"$dir/err"; then fail "no server, no error"; fi
grep -q 'connect' "$dir/err" || fail "no server: $(cat "$dir/err")"
