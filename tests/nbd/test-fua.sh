#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A request with FUA is a checkpoint of its own, be it a write, a zero or a trim.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve
nbd '
h.pwrite(b"1" * 65536, 0, nbd.CMD_FLAG_FUA)
h.pwrite(b"2" * 4096, 65536)
'
crash
serve
nbd '
assert h.pread(65536, 0) == b"1" * 65536, "a write with FUA is gone"
assert h.pread(4096, 65536) == bytes(4096), "a write without FUA survived"
h.zero(8192, 0, nbd.CMD_FLAG_FUA)
h.pwrite(b"3" * 4096, 0)
'
crash
serve
nbd '
assert h.pread(12288, 0) == bytes(8192) + b"1" * 4096, "a zero with FUA is gone"
h.trim(8192, 16384, nbd.CMD_FLAG_FUA)
h.pwrite(b"4" * 4096, 16384)
'
crash
serve
nbd 'assert h.pread(12288, 16384) == bytes(8192) + b"1" * 4096, "a trim with FUA is gone"'
stop
