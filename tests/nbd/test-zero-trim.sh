#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Zero (with and without a hole, fast) and trim: what reads back, before and after
# a crash, and that the host gets the space.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 64M
serve
nbd '
MiB = 1 << 20
h.pwrite(b"x" * (16 * MiB), 0)
h.flush()
h.zero(1000, 500)                                 # parts of blocks
h.zero(MiB, MiB, nbd.CMD_FLAG_NO_HOLE)
h.zero(MiB, 2 * MiB, nbd.CMD_FLAG_FAST_ZERO)
h.trim(MiB, 3 * MiB)
h.trim(100, 4 * MiB + 10)                         # less than a block: kept
h.pwrite(b"y" * 4096, 2 * MiB + 4096)
def check():
  assert h.pread(2000, 0) == b"x" * 500 + bytes(1000) + b"x" * 500
  assert h.pread(MiB, MiB) == bytes(MiB)
  assert h.pread(12288, 2 * MiB) == bytes(4096) + b"y" * 4096 + bytes(4096)
  assert h.pread(MiB, 3 * MiB) == bytes(MiB)
  assert h.pread(4096, 4 * MiB) == b"x" * 4096
check()
h.flush()
check()
'
crash
serve
nbd '
MiB = 1 << 20
assert h.pread(2000, 0) == b"x" * 500 + bytes(1000) + b"x" * 500
assert h.pread(MiB, MiB) == bytes(MiB)
assert h.pread(12288, 2 * MiB) == bytes(4096) + b"y" * 4096 + bytes(4096)
assert h.pread(MiB, 3 * MiB) == bytes(MiB)
assert h.pread(4096, 4 * MiB) == b"x" * 4096
h.flush()
'
allocated() { stat -c '%b' "$store"; }
full=$(allocated)
nbd '
h.trim(16 << 20, 0)
h.flush()
h.pwrite(b"z" * 512, 0)
h.flush()
'
shrunk() { [ "$(allocated)" -lt $((full / 2)) ]; }
wait_for shrunk # 512-byte sectors; the space is given back in the background
nbd 'assert h.pread(1024, 0) == b"z" * 512 + bytes(512)'
stop
