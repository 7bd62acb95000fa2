# SPDX-License-Identifier: BSD-3-Clause
# powercut-fs-lib.sh - sourced by the tests that cut the power under a journaling
# filesystem.
# shellcheck shell=bash disable=SC2154

. "$(dirname "${BASH_SOURCE[0]}")/powercut-lib.sh"

# Two of them keep several requests under way.
load() { # DIRECTORY
  "$builddir/fs-load" run "$fs/$1" "$d/acks.$1" 2 $((seed + $1)) "$record_log"
}

# Large intervals between the small ones.
bulk() {
  while [ -e "$d/go-on" ]; do
    head -c "$((RANDOM % 8 + 1))M" /dev/urandom >"$fs/bulk"
    sleep 0.1
    sync -f "$fs"
    sleep 0.2
  done
}

look() { # FUSE-OR-NBD TYPE
  local i
  serve "$1"
  attach
  mount_fs "$2"
  for i in 1 2; do
    [ -d "$fs/$i" ] || fail "a directory that was there before is gone"
    "$builddir/fs-load" verify "$fs/$i" "$d/acks.$i" "$cut" || fail "after the power cut"
  done
  unmount_fs
  fsck_clean "$2"
  stop
}

# powercut_fs FUSE-OR-NBD TYPE - whatever of the unflushed writes arrives at the
# store's file, what was fsynced is there and the filesystem is sound.
powercut_fs() {
  local front=$1 type=$2 other_load bulk_writer
  rdisk create "$store" 320M >>"$log"
  serve "$front"
  "mkfs.$type" -q "$disk"
  attach
  mount_fs "$type"
  mkdir "$fs/1" "$fs/2"
  stop
  record_from_here
  serve "$front"
  attach
  mount_fs "$type"
  touch "$d/go-on"
  bulk &
  bulk_writer=$!
  load 2 &
  other_load=$!
  load 1
  wait "$other_load"
  rm "$d/go-on"
  wait "$bulk_writer"
  crash
  for_each_cut look "$front" "$type"
}
