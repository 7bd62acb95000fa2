#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be mounted gets one clear line and a nonzero exit, as a daemon and in
# the foreground, and leaves no mount.
. "${srcdir:-.}/../fs/lib.sh"

# refused PATTERN ARGUMENT...
refused() {
  local pattern=$1 mode
  shift
  for mode in '' -f; do
    expect_failure timeout 20 fuse-rdisk $mode "$@" 2>"$d/err" >"$d/out"
    [ "$(wc -l <"$d/err")" -eq 1 ] || fail "$*: not one line: $(cat "$d/err")"
    grep -q -- "$pattern" "$d/err" || fail "$*: says: $(cat "$d/err")"
    if is_mounted "$mnt"; then fail "$*: left a mount"; fi
  done
}

rdisk create "$store" 16M >>"$log"
refused 'needs STORE and MOUNTPOINT' "$store"
refused 'one argument too many' "$store" "$mnt" "$d"
refused 'No such file' "$store" "$d/nowhere"
refused "$d/nothing" "$d/nothing" "$mnt"
refused 'directory' "$d" "$mnt"
refused 'bogus' "$store" "$mnt" -o bogus
refused 'checkpoint' "$store" "$mnt" -o checkpoint=often
refused 'checkpoint' "$store" "$mnt" -o checkpoint=0
touch "$d/socket-file"
refused 'socket-file' "$store" "$mnt" -o "control=$d/socket-file"

: >"$d/empty"
refused "$d/empty" "$d/empty" "$mnt"
head -c 1M /dev/urandom >"$d/foreign"
refused "$d/foreign" "$d/foreign" "$mnt"
head -c 100K "$store" >"$d/short"
refused "$d/short" "$d/short" "$mnt"

serve_fuse
mkdir "$d/second"
expect_failure fuse-rdisk "$store" "$d/second" 2>"$d/err"
[ "$(wc -l <"$d/err")" -eq 1 ] || fail "in use: not one line: $(cat "$d/err")"
grep -qi 'in use' "$d/err" || fail "in use: says $(cat "$d/err")"
stop

fuse-rdisk --help | grep -q '^Usage: fuse-rdisk STORE MOUNTPOINT' || fail "--help"
fuse-rdisk -V | grep -q '^fuse-rdisk [0-9]' || fail "-V"
