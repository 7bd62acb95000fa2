#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The host's file system runs full under a sparse store: the client is told
# ENOSPC, nothing that was committed is lost, and with room made it goes on.
. "${srcdir:-.}/lib.sh"
[ "$(id -u)" = 0 ] || skip "needs root to mount a small tmpfs"

mkdir "$d/small"
mount -t tmpfs -o size=24M rdisk-test "$d/small" || skip "cannot mount a tmpfs"
at_exit "end_server; umount '$d/small'"
store=$d/small/store
rdisk create "$store" 64M
serve
nbd 'h.pwrite(b"c" * (1 << 20), 0); h.flush()'
head -c 8388608 /dev/zero >"$d/small/filler"
nbd '
try:
  for i in range(1, 60):
    h.pwrite(b"n" * (1 << 20), i << 20)
    h.flush()
  sys.exit("60 MiB went into 24")
except nbd.Error as error:
  assert error.errno == "ENOSPC", error
assert h.pread(1 << 20, 0) == b"c" * (1 << 20)
open(sys.argv[1], "w").write(str(i))
' "$d/reached"
rm "$d/small/filler"
nbd '
i = int(open(sys.argv[1]).read())
for block in range(1, i):
  assert h.pread(1 << 20, block << 20) == b"n" * (1 << 20), block
h.pwrite(b"r" * (1 << 20), 0)
h.flush()
' "$d/reached"
crash
serve
nbd '
assert h.pread(1 << 20, 0) == b"r" * (1 << 20)
for block in range(1, int(open(sys.argv[1]).read())):
  assert h.pread(1 << 20, block << 20) == b"n" * (1 << 20), block
' "$d/reached"
stop
