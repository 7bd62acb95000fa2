#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdkit -r: no byte of the store changes, a crashed store is read as its last
# checkpoint, several servers share it, and a writer is refused meanwhile.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve
nbd '
h.pwrite(b"c" * 65536, 0)
h.flush()
h.pwrite(b"d" * 65536, 0)
'
crash
before=$(sha256sum <"$store")

serve -r control="$control"
nbd '
assert h.is_read_only()
assert h.pread(65536, 0) == b"c" * 65536
h.set_strict_mode(0)
try:
  h.pwrite(b"e" * 512, 0)
  sys.exit("a write was taken")
except nbd.Error as error:
  assert error.errno == "EPERM", error
h.set_strict_mode(0)
h.flush() if h.can_flush() else None
'
nbdkit -r -U - rdisk "$store" --run "nbdinfo \$uri" | grep -q 'is_read_only: true' ||
  fail "a second reader was refused"
if nbdkit -U - rdisk "$store" --run true 2>"$d/error"; then
  fail "a writer was let in beside a reader"
fi
if ask checkpoint 2>"$d/error"; then fail "a checkpoint of a read-only store"; fi
grep -q 'read-only' "$d/error" || fail "$(cat "$d/error")"
stop
for option in --readonly --read-only -vr; do
  nbdkit $option -U - rdisk "$store" --run "nbdinfo \$uri" 2>>"$d/log" |
    grep -q 'is_read_only: true' || fail "$option"
done
[ "$(sha256sum <"$store")" = "$before" ] || fail "the store has changed"
