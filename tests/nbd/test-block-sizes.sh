#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# For each block size: requests of any alignment against a model, crashes between,
# and the block sizes that the export advertises.
. "${srcdir:-.}/lib.sh"

cat >"$d/model.py" <<'END'
import os, random
seed, model_path = int(sys.argv[1]), sys.argv[2]
rng = random.Random(seed)
size = h.get_size()
model = bytearray(open(model_path, "rb").read()) if os.path.exists(model_path) else bytearray(size)
assert h.pread(size, 0) == model, "seed %d: not the last checkpoint" % seed
def request():
  offset = rng.randrange(size)
  length = min(rng.choice([1, 511, 512, 4096, 5000, 65536, 200000]), size - offset)
  if rng.random() < 0.5:
    offset &= ~4095
  return offset, length
for step in range(200):
  offset, length = request()
  kind = rng.random()
  if kind < 0.5:
    data = rng.randbytes(length)
    h.pwrite(data, offset)
    model[offset:offset + length] = data
  elif kind < 0.65:
    h.zero(length, offset, rng.choice([0, nbd.CMD_FLAG_NO_HOLE]))
    model[offset:offset + length] = bytes(length)
  elif kind < 0.95:
    assert h.pread(length, offset) == model[offset:offset + length], "seed %d step %d" % (seed, step)
  else:
    h.flush()
    open(model_path, "wb").write(model)
assert h.pread(size, 0) == model, "seed %d: at the end" % seed
END
for block in 512 1024 4096 16384 65536; do
  rm -f "$store" "$d/model"
  rdisk create "$store" 4M --block-size $block
  serve
  unit=$((block < 4096 ? 4096 : block))
  nbd '
sizes = [h.get_block_size(kind) for kind in
         (nbd.SIZE_MINIMUM, nbd.SIZE_PREFERRED, nbd.SIZE_MAXIMUM)]
assert sizes == [1, int(sys.argv[1]), 32 << 20], sizes
' $unit
  for seed in 1 2 3; do
    nbd "$(cat "$d/model.py")" $((block + seed)) "$d/model"
    crash
    serve
  done
  stop
done
