#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The control socket's path: a dead server's socket is replaced, a living one's
# and a file that is no socket are left alone, and each refusal is one line.
. "${srcdir:-.}/lib.sh"

refused() { # WORDS CONTROL
  if nbdkit -f -U - rdisk "$d/other" control="$2" --run true 2>"$d/error"; then
    fail "control=$2 was taken"
  fi
  [ "$(grep -c 'error:' "$d/error")" = 1 ] || fail "not one line: $(cat "$d/error")"
  grep -q "$1" "$d/error" || fail "not '$1': $(cat "$d/error")"
}

rdisk create "$store" 16M
rdisk create "$d/other" 16M
serve control="$control"
inode=$(stat -c %i "$control")
refused 'another server answers' "$control"
[ "$(stat -c %i "$control")" = "$inode" ] || fail "a living server's socket was replaced"
ask list
crash
[ -S "$control" ] || fail "a crash removed the socket"
if ask list 2>"$d/error"; then fail "a dead server answered"; fi
grep -q 'no server answers' "$d/error" || fail "$(cat "$d/error")"

serve control="$control"
ask list
stop
[ ! -e "$control" ] || fail "the socket was left behind"

echo precious >"$control"
refused 'is not a socket' "$control"
[ "$(cat "$control")" = precious ] || fail "a file was overwritten"
sanitized || refused 'No such file or directory' "$d/none/control"
refused 'longer than' "$d/$(printf '%0200d' 0)"
refused 'empty' ""
