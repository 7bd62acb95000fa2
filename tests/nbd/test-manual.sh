#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# checkpoint=manual: neither a flush, nor FUA, nor the end of the server is a
# checkpoint; a request through the control socket is.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve checkpoint=manual control="$control"
before=$(ask info | number sequence)
nbd '
h.pwrite(b"f" * 4096, 0)
h.flush()
h.pwrite(b"u" * 4096, 4096, nbd.CMD_FLAG_FUA)
h.zero(4096, 8192, nbd.CMD_FLAG_FUA)
h.trim(4096, 12288, nbd.CMD_FLAG_FUA)
'
[ "$(ask info | number sequence)" = "$before" ] || fail "something made a checkpoint"
crash
serve checkpoint=manual control="$control"
nbd '
assert h.pread(8192, 0) == bytes(8192), "a flush or FUA was a checkpoint"
h.pwrite(b"c" * 4096, 0)
'
ask checkpoint
nbd 'h.pwrite(b"d" * 4096, 0)'
stop
serve checkpoint=manual
nbd 'assert h.pread(4096, 0) == b"c" * 4096, "not the state of the checkpoint"'
stop
