#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is no sound store is refused: a nonzero exit, one line that names the path
# and what is wrong, and not a byte of it changed.
. "${srcdir:-.}/lib.sh"

rdisk create "$store" 16M
serve
nbd 'h.pwrite(b"c" * 65536, 0); h.flush()'
crash

flip() { # FILE OFFSET - invert 64 bytes
  "$python" -c '
import sys
f = open(sys.argv[1], "r+b")
f.seek(int(sys.argv[2]))
data = f.read(64)
f.seek(int(sys.argv[2]))
f.write(bytes(b ^ 0xff for b in data))
' "$1" "$2"
}

refused() { # WORDS PATH
  local mode before after
  before=$(if [ -f "$2" ]; then sha256sum <"$2"; fi)
  for mode in -f -r; do
    if nbdkit $mode -U - rdisk "$2" --run true 2>"$d/error"; then fail "$2: taken with $mode"; fi
    [ "$(wc -l <"$d/error")" = 1 ] || fail "$2: not one line: $(cat "$d/error")"
    grep -q "error:.*$2.*$1" "$d/error" || fail "$2: not '$1': $(cat "$d/error")"
  done
  after=$(if [ -f "$2" ]; then sha256sum <"$2"; fi)
  [ "$before" = "$after" ] || fail "$2 was changed"
}

: >"$d/empty"
refused 'too few for a store' "$d/empty"
echo foreign >"$d/small"
refused 'too few for a store' "$d/small"
head -c 33554432 /dev/zero >"$d/zeroes"
refused 'not a store' "$d/zeroes"
head -c 1048576 /dev/urandom >"$d/foreign"
refused 'not a store' "$d/foreign"
sanitized || refused 'No such file' "$d/missing"
refused 'directory' "$d"

cp "$store" "$d/truncated"
truncate -s 1M "$d/truncated"
refused 'cut short' "$d/truncated"

for what in version feature; do
  cp "$store" "$d/newer-$what"
  "${builddir:-.}/newer-store" "$d/newer-$what" $what
  refused 'newer' "$d/newer-$what"
done

# Both superblocks (their magic number, their contents), both roots.
for pair in "0 65536" "64 65600" "131136 196672"; do
  cp "$store" "$d/flipped"
  for offset in $pair; do flip "$d/flipped" "$offset"; done
  case $pair in
  0*) refused 'not a store' "$d/flipped" ;;
  *) refused 'damaged' "$d/flipped" ;;
  esac
done

# One of the two superblocks, of the two roots: told, and served (D5).
for offset in 0 64 131136 196672; do
  cp "$store" "$d/half"
  flip "$d/half" $offset
  nbdkit -U - rdisk "$d/half" --run "nbdinfo --size \$uri" >"$d/size" 2>"$d/error" ||
    fail "$offset: $(cat "$d/error")"
  grep -q 'warning:.*D5' "$d/error" || fail "$offset: damage was not told: $(cat "$d/error")"
done
