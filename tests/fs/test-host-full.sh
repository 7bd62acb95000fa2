#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The filesystem that holds a sparse store runs full: the writer gets an error,
# nothing committed is lost, and it goes on once there is room again.
. "${srcdir:-.}/lib.sh"
set +o pipefail # yes ends by SIGPIPE

host=$d/host
mkdir "$host"
at_exit 'umount -l "$host" 2>>"$log"'
mount -t tmpfs -o size=48m tmpfs "$host" 2>>"$log" || skip "cannot mount a tmpfs"
store=$host/store

rdisk create "$store" 128M >>"$log"
serve_fuse -o "control=$control"
yes committed | dd of="$disk" bs=1M count=4 iflag=fullblock conv=notrunc,fsync 2>>"$log"

# Fill: more than fits.
if yes lost | dd of="$disk" bs=1M count=100 seek=8 iflag=fullblock conv=notrunc,fsync 2>"$d/dd"; then
  fail "100 MiB went into a filesystem of 48"
fi
grep -q 'No space left on device' "$d/dd" || fail "the writer was told: $(cat "$d/dd")"
yes committed | cmp -n 4M - "$disk" || fail "the full disk reads wrong"
crash

# With the room that a crash left, the committed part is there.
serve_fuse -o "control=$control"
yes committed | cmp -n 4M - "$disk" || fail "committed data were lost"

# Full again; then room is made under the running server.
fallocate -l 8M "$host/ballast" || true
if yes lost | dd of="$disk" bs=1M count=100 seek=8 iflag=fullblock conv=notrunc,fsync 2>>"$log"; then
  fail "100 MiB went into a filesystem of 48 with ballast"
fi
rm -f "$host/ballast"
mount -o remount,size=400m "$host"
goes_on() {
  yes again | dd of="$disk" bs=1M count=20 seek=8 iflag=fullblock conv=notrunc,fsync 2>>"$log"
}
wait_for goes_on # the first may still be told of the writes before
crash
serve_fuse
yes committed | cmp -n 4M - "$disk" || fail "committed data were lost in the end"
yes again | cmp -n 20M - <(tail -c +$((8 * 1048576 + 1)) "$disk") || fail "the last data were lost"
stop
rdisk check "$store" >>"$log" || fail "rdisk check"
