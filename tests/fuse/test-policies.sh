#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# checkpoint=manual: fsync makes no checkpoint, neither does unmounting, only
# rdisk checkpoint.  checkpoint=SECONDS: one every so often.
. "${srcdir:-.}/../fs/lib.sh"

put() {
  head -c 64K /dev/zero | tr '\0' "$1" | dd of="$disk" bs=64K conv=notrunc,fsync 2>>"$log"
}
shows() {
  cmp -n 64K "$disk" <(head -c 64K /dev/zero | tr '\0' "$1")
}

rdisk create "$store" 16M >>"$log"
serve_fuse -o "checkpoint=manual,control=$control"
put 1
rdisk checkpoint --control "$control" >>"$log"
put 2
shows 2 || fail "a write is not seen"
crash
serve_fuse -o "checkpoint=manual,control=$control"
shows 1 || fail "manual: not at the checkpoint that was asked for"
put 3
stop
serve_fuse -o "checkpoint=0.2,control=$control"
shows 1 || fail "manual: unmounting made a checkpoint"
head -c 64K /dev/zero | tr '\0' 4 | dd of="$disk" bs=64K conv=notrunc 2>>"$log"
sleep 1
head -c 64K /dev/zero | tr '\0' 5 | dd of="$disk" bs=64K seek=1 conv=notrunc 2>>"$log"
crash
serve_fuse
shows 4 || fail "SECONDS: no checkpoint within a second"
stop
