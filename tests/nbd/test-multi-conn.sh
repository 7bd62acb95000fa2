#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Four connections write at once; a flush on one covers the writes of all.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 64M
serve --threads=8
cat >"$d/writers.py" <<'END'
import random
blocks = 4096
rng = random.Random(7)
def fill(handle, share, salt, failures):
  """A connection writes its share of the blocks, up to 16 requests at a time."""
  def done(error):
    if error:
      failures.append(error)
    return 1
  order = [b for b in range(blocks) if b % 4 == share]
  rng.shuffle(order)
  for block in order:
    data = nbd.Buffer.from_bytearray(bytearray([(block * 7 + salt) % 255 + 1]) * 4096)
    handle.aio_pwrite(data, block * 4096, done)
    while handle.aio_in_flight() >= 16:
      handle.poll(-1)
  while handle.aio_in_flight() > 0:
    handle.poll(-1)
END
nbd "$(cat "$d/writers.py")"'
import threading
handles = []
for i in range(4):
  other = nbd.NBD()
  other.connect_uri(sys.argv[1])
  assert other.can_multi_conn()
  handles.append(other)
def all_write(salt):
  failures = []
  threads = [threading.Thread(target=fill, args=(handles[i], i, salt, failures)) for i in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert failures == [], failures
all_write(1)
handles[2].flush()
all_write(2)
' "$uri"
crash
serve
nbd '
for block in range(4096):
  want = bytes([(block * 7 + 1) % 255 + 1]) * 4096
  assert h.pread(4096, block * 4096) == want, "block %d is not of the checkpoint" % block
'
stop
