#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `rdisk recover` through the control socket sets the served disk back to its
# last checkpoint, and the disk is used on.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve control="$control"
nbd '
h.pwrite(b"1" * 1048576, 0)
h.flush()
h.pwrite(b"2" * 524288, 4096)
h.trim(4096, 0)
'
ask recover
nbd '
assert h.pread(1048576, 0) == b"1" * 1048576, "not the checkpoint"
h.pwrite(b"3" * 4096, 0)
h.flush()
h.pwrite(b"4" * 4096, 0)
'
crash
serve
nbd 'assert h.pread(8192, 0) == b"3" * 4096 + b"1" * 4096'
stop
