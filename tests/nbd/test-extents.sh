#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Extents: a new disk is one hole, data is data at once, zeroes and trims are
# holes again, and the answer covers what was asked for without gaps.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve
cat >"$d/extents.py" <<'END'
HOLE = nbd.STATE_HOLE | nbd.STATE_ZERO
def extents(count, offset, flags=0):
  found = []
  def add(context, at, entries, error):
    for length, kind in zip(entries[::2], entries[1::2]):
      if found and found[-1][2] == kind:
        found[-1] = (found[-1][0], found[-1][1] + length, kind)
      else:
        found.append((at, length, kind))
      at += length
  h.block_status(count, offset, add, flags)
  return found
END
lines=$(cat "$d/extents.py")
nbd "$lines"'
size = h.get_size()
assert extents(size, 0) == [(0, size, HOLE)], extents(size, 0)
h.pwrite(b"d" * 8192, 65536)
want = [(0, 65536, HOLE), (65536, 8192, 0), (73728, size - 73728, HOLE)]
assert extents(size, 0) == want, extents(size, 0)
h.flush()
assert extents(size, 0) == want, extents(size, 0)
assert extents(4096, 69632) == [(69632, 4096, 0)]
one = extents(size, 0, nbd.CMD_FLAG_REQ_ONE)
assert one == [(0, 65536, HOLE)], one
h.zero(4096, 65536)
h.trim(4096, 69632)
assert extents(size, 0) == [(0, size, HOLE)], extents(size, 0)
h.pwrite(b"e" * 100, 10)
h.flush()
'
crash
serve
nbd "$lines"'
size = h.get_size()
assert extents(size, 0) == [(0, 4096, 0), (4096, size - 4096, HOLE)], extents(size, 0)
for i in range(0, 2048, 2):
  h.pwrite(b"f" * 4096, i * 4096)
alternate = extents(2048 * 4096, 0)
assert len(alternate) == 2048, len(alternate)
assert [length for _, length, _ in alternate] == [4096] * 2048
'
stop
