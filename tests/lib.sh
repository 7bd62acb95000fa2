# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - sourced by the tests of this folder (bash).
#
# Each test has a folder of its own, $d, removed at the end with whatever
# `at_exit COMMAND` asked for, last first.  Programs that a test starts it ends by
# their process ids.
# shellcheck shell=bash

set -eu -o pipefail

d=$(mktemp -d "${TMPDIR:-/var/tmp}/rdisk-test.XXXXXX")
exit_commands=()

on_exit() {
  local status=$? i
  set +e
  for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do eval "${exit_commands[i]}"; done
  rm -rf "$d"
  exit $status
}
trap on_exit EXIT
trap 'exit 1' INT TERM

at_exit() { exit_commands+=("$1"); }

fail() {
  echo "FAIL: $*"
  exit 1
}

skip() {
  echo "SKIP: $*" >&2
  exit 77
}

# need PROGRAM... - skip without them.
need() {
  local program
  for program; do
    command -v "$program" >"$d/which" || skip "$program is not installed"
  done
}

# expect STATUS COMMAND... - run it; its output is in $d/out, $d/err.
expect() {
  local wanted=$1 status=0
  shift
  "$@" >"$d/out" 2>"$d/err" || status=$?
  [ $status -eq "$wanted" ] ||
    fail "$*: exit status $status, not $wanted: $(cat "$d/out" "$d/err")"
}

# expect_line STATUS PATTERN COMMAND... - it fails with one line that matches.
expect_line() {
  local wanted=$1 pattern=$2
  shift 2
  expect "$wanted" "$@"
  [ "$(wc -l <"$d/err")" -eq 1 ] || fail "$*: not one line on stderr: $(cat "$d/err")"
  grep -Eq -- "$pattern" "$d/err" || fail "$*: no '$pattern' in: $(cat "$d/err")"
}

# field KEY - the value of a number or string in the JSON of $d/out.
field() {
  sed -n "s/^.*\"$1\": *\"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" "$d/out" | head -n 1
}

# wait_for COMMAND... - until it succeeds, for 20 seconds.
wait_for() {
  local i
  for ((i = 0; i < 400; i++)); do
    if "$@"; then return; fi
    sleep 0.05
  done
  fail "waited in vain for: $*"
}
