# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - sourced by the tests of this folder, on top of ../lib.sh: a store at
# $store, an nbdkit that serves it at $uri, and Python with libnbd to talk to it.
# shellcheck shell=bash
# shellcheck source=../lib.sh
. "${srcdir:-.}/../lib.sh"

store=$d/store
socket=$d/nbd
control=$d/control
uri="nbd+unix:///?socket=$socket"
server=

need nbdkit rdisk

# The Python that has libnbd's module, which need not be the first in PATH.
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import nbd' 2>"$d/which"; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || skip "Python's nbd module is not installed (Debian: python3-libnbd)"

# A plain nbdkit under a sanitizer's library leaks some bytes of its own, and hangs
# in exit() once anything has called strerror() (its file plugin, too).
sanitized() { grep -qs "^preload='..*'" "${top_builddir:-../..}/tests/bin/nbdkit"; }
if sanitized; then export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"; fi

end_server() { if [ -n "$server" ]; then crash; fi; }
at_exit end_server

show_log() { # status is on_exit's
  # shellcheck disable=SC2154
  if [ "$status" -ne 0 ] && [ -s "$d/log" ]; then
    echo "--- the server's log:"
    cat "$d/log"
  fi
}
at_exit show_log

# nbdkit listens before it has opened the store, but answers only afterwards.
server_answers() {
  kill -0 "$server" 2>>"$d/log" || fail "nbdkit ended at once"
  [ -S "$socket" ] && nbd 'pass' 2>>"$d/log"
}

# serve [-OPTION...] [KEY=VALUE...] - nbdkit as a child; it answers on return.
serve() {
  local options=()
  while [ $# -gt 0 ] && [ "${1#-}" != "$1" ]; do
    options+=("$1")
    shift
  done
  rm -f "$socket"
  nbdkit -f -U "$socket" ${options[@]+"${options[@]}"} rdisk "$store" "$@" 2>>"$d/log" &
  server=$!
  wait_for server_answers
}

# End the server as a power cut would.
crash() {
  { kill -KILL "$server" && wait "$server"; } 2>>"$d/log" || true
  server=
}

# End it as an administrator would; its exit status counts.
stop() {
  local pid=$server
  server=
  kill -TERM "$pid"
  wait "$pid" || fail "nbdkit exited with $?"
}

# nbd CODE [ARGUMENT...] - Python with a libnbd handle h that is connected to the
# server; sys.argv has the arguments.
nbd() {
  local code=$1
  shift
  "$python" -c "import nbd, sys
h = nbd.NBD()
h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
h.connect_uri('$uri')
$code" "$@"
}

# ask COMMAND - through the control socket: the answer's JSON.
ask() { rdisk "$1" --json --control "$control"; }

# number KEY - the first number of that name in the JSON on stdin.
number() { sed -n "s/^.*\"$1\": *\([0-9][0-9]*\).*$/\1/p" | head -n 1; }
