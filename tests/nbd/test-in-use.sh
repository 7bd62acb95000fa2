#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A store that is being served is refused to everyone else, in one line, also
# over a second path to it; and it can be served again once its server is dead.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
ln "$store" "$d/hard-link"
ln -s store "$d/symbolic-link"
serve
for path in "$store" "$d/hard-link" "$d/symbolic-link"; do
  for mode in -f -r; do
    if nbdkit $mode -U - rdisk "$path" --run true 2>"$d/error"; then
      fail "nbdkit $mode on a store in use"
    fi
    [ "$(grep -c 'error:' "$d/error")" = 1 ] || fail "not one line: $(cat "$d/error")"
    grep -q "$path.*in use" "$d/error" || fail "not clear: $(cat "$d/error")"
  done
done
nbd 'h.pwrite(b"1" * 4096, 0); h.flush()'
crash
serve
nbd 'assert h.pread(4096, 0) == b"1" * 4096'
stop
