#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fio over NBD: random writes of several sizes, with flushes, verified; and again
# by a second run after the server was killed.
. "${srcdir:-.}/lib.sh"
need fio
fio --enghelp=nbd >"$d/which" 2>&1 || skip "fio has no nbd engine"

rdisk create "$store" 64M
serve
run() {
  fio --name=verify --ioengine=nbd --uri="$uri" --rw=randwrite --bsrange=512-64k --bs_unaligned \
    --size=32M --iodepth=16 --verify=crc32c --verify_state_save=0 --randseed=11 --output="$d/fio" "$@" ||
    fail "fio: $(cat "$d/fio")"
}
run --fsync=64
nbd 'h.flush()'
crash
serve
run --verify_only
stop
