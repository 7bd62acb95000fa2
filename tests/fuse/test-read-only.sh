#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -o ro: several may look at a store at once, nobody writes, and the store's file
# stays as it is, byte for byte, even after a crash.
. "${srcdir:-.}/../fs/lib.sh"

rdisk create "$store" 16M >>"$log"
serve_fuse
head -c 1M /dev/zero | tr '\0' 1 | dd of="$disk" bs=1M conv=notrunc,fsync 2>>"$log"
crash
sum=$(cksum <"$store")

serve_fuse -o ro
[ "$(stat -c %a "$disk")" = 400 ] || fail "mode $(stat -c %a "$disk")"
cmp -n 1M "$disk" <(head -c 1M /dev/zero | tr '\0' 1) || fail "the contents"
expect_failure dd if=/dev/zero of="$disk" bs=4096 count=1 conv=notrunc 2>>"$log"
expect_failure fallocate -p -o 0 -l 4096 "$disk" 2>>"$log"
sync "$disk" || fail "sync"
mkdir "$d/second"
fuse-rdisk "$store" "$d/second" -o ro
cmp "$disk" "$d/second/disk" || fail "two readers differ"
umount "$d/second"
expect_failure fuse-rdisk "$store" "$d/second" 2>"$d/err"
grep -qi 'in use' "$d/err" || fail "a writer beside a reader gets: $(cat "$d/err")"
stop
[ "$(cksum <"$store")" = "$sum" ] || fail "the store's file was changed"

# A file that may not be written is no store to write to.
if ! chattr +i "$store" 2>>"$log"; then
  echo "not tried: files cannot be made immutable here"
  exit 0
fi
at_exit 'chattr -i "$store"'
expect_failure fuse-rdisk "$store" "$mnt" 2>"$d/err"
[ "$(wc -l <"$d/err")" = 1 ] || fail "not one line: $(cat "$d/err")"
serve_fuse -o ro
cmp -n 1M "$disk" <(head -c 1M /dev/zero | tr '\0' 1) || fail "the contents, immutable"
stop
