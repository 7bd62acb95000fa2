#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# run-bench with tiny sizes: prints every row, writes its figures, leaves nothing behind.
set -eu

for program in python3 nbdkit; do
  if ! command -v "$program" >/dev/null; then
    echo "skipped: $program is not here" >&2
    exit 77
  fi
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

BENCH_DRIVERS=${builddir:?}
export BENCH_DRIVERS
tiny=(--dir "$dir/disk" --tmpfs "$dir/tmpfs" --size 4M --large 64M --pairs 2 --ops 64 --commits 10
  --crash-writes 640 --settle 0.01 --json "$dir/json" --text "$dir/text")
mkdir "$dir/disk" "$dir/tmpfs"

run_bench() { # ARGUMENT...
  "${srcdir:?}/run-bench" "${tiny[@]}" "$@" >"$dir/out" 2>"$dir/err" ||
    fail "run-bench $*: $(cat "$dir/err")"
  cmp "$dir/out" "$dir/text" || fail "--text is not what was printed"
  [ -z "$(find "$dir/disk" "$dir/tmpfs" -mindepth 1)" ] || fail "files were left"
  if grep -q "$dir" /proc/self/mounts; then fail "a mount was left"; fi
  if grep -qsa "$dir/disk" /proc/[0-9]*/cmdline; then fail "a server was left"; fi
}

figure() { # EXPRESSION over `report`
  python3 -c "import json, sys
report = json.load(open(sys.argv[1]))
print($1)" "$dir/json"
}

# nbdkit file against itself needs nothing of ours.
run_bench --ours file --only nbd,tmpfs --extra null,bare
for row in 'random write QD32' 'write + flush each' 'flush every 64' 'random read QD32, cold' \
  'random read QD32, warm' 'sequential read, cold' 'sequential read, warm' \
  'sequential write + flush' 'sequential write, aged' 'first after checkpoint' 'tmpfs: random write'; do
  grep -q "$row" "$dir/out" || fail "no row '$row'"
done
[ "$(figure 'len(report["sections"][0]["rows"][0]["ratios"])')" = 2 ] || fail "not two pairs"
[ "$(figure 'report["sections"][0]["rows"][4]["base"]["runs"][0]["flushes"]')" = 8 ] ||
  fail "write + flush each: not a flush each"

sections=library
if nbdkit rdisk --version >/dev/null 2>&1; then sections+=,nbd,tmpfs; fi
if command -v fuse-rdisk >/dev/null && command -v nbdfuse >/dev/null && [ -w /dev/fuse ] &&
  [ "$(id -u)" = 0 ]; then
  sections+=,fuse
fi
if command -v rdisk >/dev/null; then
  run_bench --only "$sections"
  grep -q 'blocks written per one-block commit' "$dir/out" || fail "no commit costs"
fi

if "${srcdir:?}/run-bench" "${tiny[@]}" --workloads nosuch 2>"$dir/err"; then
  fail "accepted --workloads nosuch"
fi
grep -q nosuch "$dir/err" || fail "--workloads nosuch: $(cat "$dir/err")"
