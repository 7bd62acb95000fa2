#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdcopy into the disk and out of it, holes and all, with four connections and a
# crash between.
. "${srcdir:-.}/lib.sh"
need nbdcopy

size=$((32 << 20))
truncate -s $size "$d/in"
for at in 0 3 4 17 31; do
  head -c 700000 /dev/urandom | dd of="$d/in" bs=1M seek=$at conv=notrunc status=none
done
truncate -s $size "$d/in"
rdisk create "$store" $size
serve
nbdcopy --connections=4 --flush "$d/in" "$uri"
crash
serve
nbdcopy --connections=4 "$uri" "$d/out"
cmp "$d/in" "$d/out"
[ "$(stat -c %b "$d/out")" -lt $((size / 512 / 2)) ] || fail "the holes were lost"
nbdcopy --destination-is-zero "$d/in" "$uri"
stop
