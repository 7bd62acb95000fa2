#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# SQLite in a mounted filesystem keeps each acknowledged transaction over power
# cuts, with a write-ahead log and with a rollback journal.
. "${srcdir:-.}/powercut-lib.sh"
need_fs ext4
need python3
python3 -c 'import sqlite3' 2>>"$log" || skip "Python has no sqlite3"
random_seed
powercuts=$(((powercuts + 1) / 2)) # for each of the two

load() {
  PYTHONDONTWRITEBYTECODE=1 python3 "$srcdir/sqlite-load.py" "$@"
}

look() {
  serve_fuse
  attach
  mount_fs ext4
  load verify "$fs/db" "$d/acks" "$cut" || fail "after the power cut"
  unmount_fs
  fsck_clean ext4
  stop
}

for mode in wal delete; do
  echo "journal_mode=$mode"
  rm -f "$store"
  rdisk create "$store" 64M >>"$log"
  serve_fuse
  mkfs.ext4 -q "$disk"
  stop
  record_from_here
  serve_fuse
  attach
  mount_fs ext4
  load run "$fs/db" "$mode" "$d/acks" 2 "$record_log"
  crash
  [ -s "$d/acks" ] || fail "no transaction was acknowledged"
  for_each_cut look
done
