#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The core asks its surroundings for mem* and nothing else; the shared library
# exports the calls that the public headers declare and nothing else.
. "$srcdir/lib.sh" || exit 99
need nm ar

lib=$top_builddir/librdisk/.libs

nm -g "$lib/librdisk-core.a" | awk '$2 ~ /^[TDBRCVW]$/ { print $3 }' | sort -u >"$d/defined"
nm -u "$lib/librdisk-core.a" | awk '$1 ~ /^[Uw]$/ { print $2 }' | sort -u >"$d/undefined"
[ -s "$d/defined" ] || fail "the core's archive is empty"
comm -13 "$d/defined" "$d/undefined" |
  grep -vxE 'mem(cpy|move|set|cmp)|_GLOBAL_OFFSET_TABLE_' >"$d/foreign" || true
[ ! -s "$d/foreign" ] || fail "the core needs: $(tr '\n' ' ' <"$d/foreign")"

nm -D --defined-only "$lib/librdisk.so" | awk '$2 ~ /^[TDBR]$/ { sub(/@.*/, "", $3); print $3 }' |
  sort -u >"$d/exported"
cat "$top_srcdir/librdisk/rdisk.h" "$top_srcdir/librdisk/rdisk-server.h" |
  grep -v '^typedef' | grep -oE '\brdisk_[a-z_]+\(' | tr -d '(' | sort -u >"$d/words"
# Words in comments are calls as well, or the core's.
grep -vE '^rdisk_core_' "$d/words" >"$d/declared"
diff -u "$d/declared" "$d/exported" || fail "headers (-) and library (+) differ"
