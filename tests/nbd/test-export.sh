#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The export: one, named "", described by the store's label, with every flag that
# NBD has; other names are refused.
. "${srcdir:-.}/lib.sh"
need nbdinfo

rdisk create "$store" 16M --label "a label"
serve
nbdinfo --list "$uri" >"$d/list"
[ "$(grep -c '^export=' "$d/list")" = 1 ] || fail "not one export: $(cat "$d/list")"
for line in 'export="":' 'description: a label' 'export-size: 16777216' \
  'is_read_only: false' 'can_cache: true' 'can_fast_zero: true' 'can_flush: true' 'can_fua: true' \
  'can_multi_conn: true' 'can_trim: true' 'can_zero: true' 'block_size_minimum: 1' \
  'block_size_preferred: 4096' 'block_size_maximum: 33554432' 'base:allocation'; do
  grep -q "$line" "$d/list" || fail "no '$line' in: $(cat "$d/list")"
done
for name in x ../store %s; do
  if nbdinfo "nbd+unix:///$name?socket=$socket" 2>"$d/error"; then fail "export '$name' was served"; fi
done
nbd '
h.cache(1 << 20, 4096)
h.set_strict_mode(0)
for offset in h.get_size(), h.get_size() - 100:
  try:
    h.pread(4096, offset)
    sys.exit("a read beyond the end succeeded")
  except nbd.Error as error:
    assert error.errno in ("EINVAL", "ENOSPC"), error
'
stop
