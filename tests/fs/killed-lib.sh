# SPDX-License-Identifier: BSD-3-Clause
# killed-lib.sh - sourced by the tests that kill the server under a filesystem.
# shellcheck shell=bash disable=SC2154

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# killed FUSE-OR-NBD TYPE ROUNDS [LOSETUP-OPTION...] - a filesystem of that type is
# kept busy, its server killed in the middle, again and again; each time what was
# fsynced is there and the filesystem is sound once its journal was replayed.
killed() {
  local front=$1 type=$2 rounds=$3 round load
  shift 3
  echo "$type through $front${*:+, losetup $*}"
  rm -f "$store"
  rdisk create "$store" 320M >>"$log"
  serve "$front"
  "mkfs.$type" -q "$disk"
  for ((round = 0; round < rounds; round++)); do
    rm -f "$d/acks"
    attach "$@"
    mount_fs "$type"
    "$builddir/fs-load" run "$fs" "$d/acks" 20 $((seed + round)) >>"$log" &
    load=$!
    sleep "1.$((RANDOM % 10))"
    kill_server
    wait "$load" || fail "fs-load"
    crash
    [ -s "$d/acks" ] || fail "nothing was acknowledged"

    serve "$front"
    attach "$@"
    mount_fs "$type"
    "$builddir/fs-load" verify "$fs" "$d/acks" || fail "round $round"
    unmount_fs
    fsck_clean "$type"
    detach
  done
  stop
}
