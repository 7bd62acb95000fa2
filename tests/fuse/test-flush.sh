#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# By default fsync is a checkpoint: what it covered survives SIGKILL, nothing of
# what came after does, and closing the file promises nothing.
. "${srcdir:-.}/../fs/lib.sh"
need python3

put() { # CHARACTER OFFSET-IN-MIB [dd's conv]
  head -c 1M /dev/zero | tr '\0' "$1" | dd of="$disk" bs=1M seek="$2" conv="notrunc${3:+,$3}" 2>>"$log"
}
shows() { # CHARACTER OFFSET-IN-MIB
  head -c 1M /dev/zero | tr '\0' "$1" | cmp - <(tail -c +$(($2 * 1048576 + 1)) "$disk" | head -c 1M)
}

rdisk create "$store" 16M >>"$log"
serve_fuse -o "control=$control"
before=$(stat_of checkpoints)
put 1 0 fsync
put 1 1 fdatasync
[ $(($(stat_of checkpoints) - before)) -eq 2 ] || fail "two fsyncs made $(($(stat_of checkpoints) - before)) checkpoints"
put 2 0
put 2 2
[ $(($(stat_of checkpoints) - before)) -eq 2 ] || fail "closing made a checkpoint"
shows 2 0 || fail "a write is not seen"
crash

serve_fuse -o "control=$control"
shows 1 0 || fail "the fsynced write is gone"
shows 1 1 || fail "the fdatasynced write is gone"
shows '\0' 2 || fail "a write after the checkpoint survived"

# O_SYNC and O_DSYNC, cached and direct, and a single synchronous write.
python3 - "$disk" <<'END'
import mmap, os, sys

page = mmap.mmap(-1, 4096)
page[:] = b"s" * 4096
block = 0
for sync in (os.O_SYNC, os.O_DSYNC):
    for direct in (0, os.O_DIRECT):
        fd = os.open(sys.argv[1], os.O_RDWR | sync | direct)
        os.pwritev(fd, [page], (4 << 20) + block * 4096)
        block += 1
for direct in (0, os.O_DIRECT):
    fd = os.open(sys.argv[1], os.O_RDWR | direct)
    os.pwritev(fd, [page], (4 << 20) + block * 4096, os.RWF_DSYNC)
    block += 1
os.pwritev(fd, [page], 8 << 20)
END
crash
serve_fuse
cmp <(head -c 24576 /dev/zero | tr '\0' s) <(tail -c +4194305 "$disk" | head -c 24576) ||
  fail "a synchronous write is gone"
cmp -n 4096 /dev/zero <(tail -c +8388609 "$disk") || fail "a write after the last checkpoint survived"
stop
