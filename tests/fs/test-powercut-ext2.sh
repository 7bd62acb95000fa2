#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ext2 has no journal.  With checkpoint=manual and nothing but rdisk checkpoint
# --freeze it needs none: after any crash there is nothing for e2fsck to mend, and
# what a checkpoint holds is there.
. "${srcdir:-.}/powercut-lib.sh"
need_fs ext2
need debugfs
random_seed

checkpoints=6

rdisk create "$store" 64M >>"$log"
serve_fuse
mkfs.ext2 -q "$disk"
stop
record_from_here
serve_fuse -o "checkpoint=manual,control=$control"
attach
mount_fs ext2
mkdir "$fs/load"
: >"$d/kept"
for ((i = 1; i <= checkpoints; i++)); do
  "$builddir/fs-load" run "$fs/load" "$d/acks.$i" 0.4 $((seed + i))
  echo "$i" >"$fs/stage"
  rdisk checkpoint --control "$control" --freeze "$fs" >>"$log"
  echo "$i $(stat -c %s "$record_log")" >>"$d/kept"
done
"$builddir/fs-load" run "$fs/load" "$d/acks.last" 0.4 "$seed"
sync "$fs/stage"
crash

look() {
  local kept stage
  kept=$(awk -v cut="$cut" '$2 <= cut { n = $1 } END { print n + 0 }' "$d/kept")
  serve_fuse
  e2fsck -fn "$disk" >"$d/fsck" 2>&1 || {
    cat "$d/fsck"
    fail "e2fsck finds something to mend"
  }
  stage=$(debugfs -R 'cat /stage' "$disk" 2>>"$log")
  [ "${stage:-0}" -ge "$kept" ] || fail "stage ${stage:-0} in place of $kept"
  stop
}
for_each_cut look
