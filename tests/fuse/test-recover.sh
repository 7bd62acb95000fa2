#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rdisk recover through the control socket sets the disk back under the mount,
# and no page of the later state stays in the kernel's cache.
. "${srcdir:-.}/../fs/lib.sh"

rdisk create "$store" 16M >>"$log"
serve_fuse -o "checkpoint=manual,control=$control"
head -c 4M /dev/zero | tr '\0' 1 | dd of="$disk" bs=1M conv=notrunc 2>>"$log"
rdisk checkpoint --control "$control" >>"$log"
exec 3<"$disk" # an open file keeps its pages
head -c 4M /dev/zero | tr '\0' 2 | dd of="$disk" bs=1M conv=notrunc 2>>"$log"
cmp -n 4M "$disk" <(head -c 4M /dev/zero | tr '\0' 2) || fail "a write is not seen"
rdisk recover --control "$control" >>"$log"
cmp -n 4M - <(head -c 4M /dev/zero | tr '\0' 1) <&3 || fail "an old page is left"
cmp -n 4M "$disk" <(head -c 4M /dev/zero | tr '\0' 1) || fail "the disk was not set back"
exec 3<&-
stop
