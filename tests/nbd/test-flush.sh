#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# By default a flush is a checkpoint: what was flushed survives a crash, and
# nothing of what came after does.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve
nbd '
h.pwrite(b"1" * 65536, 0)
h.flush()
h.pwrite(b"2" * 65536, 0)
h.pwrite(b"2" * 65536, 1 << 20)
assert h.pread(65536, 0) == b"2" * 65536
'
crash
serve
nbd '
assert h.pread(65536, 0) == b"1" * 65536, "the flushed write is gone"
assert h.pread(65536, 1 << 20) == bytes(65536), "a write after the checkpoint survived"
h.pwrite(b"3" * 512, 512)
'
stop # a last checkpoint
serve
nbd 'assert h.pread(1024, 0) == b"1" * 512 + b"3" * 512, "stopping made no checkpoint"'
stop
