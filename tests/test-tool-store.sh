#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rdisk on a store that nobody serves: create, info, list, checkpoint, recover, check,
# stats, as text and as JSON.
. "$srcdir/lib.sh" || exit 99

expect 0 rdisk create --label 'a name' -b 8K "$d/s" 64M
[ ! -s "$d/out" ] && [ ! -s "$d/err" ] || fail "create is not quiet"

expect 0 rdisk info "$d/s"
grep -Eq '^Size of the disk: +64 MiB \(67108864 bytes\)$' "$d/out" || fail "$(cat "$d/out")"
grep -Eq '^Label: +a name$' "$d/out"
expect 0 rdisk info -J "$d/s"
[ "$(field label)" = 'a name' ]
[ "$(field block_bytes)" = 8192 ]
[ "$(field layout)" = ab ]

expect 0 rdisk list "$d/s"
[ "$(wc -l <"$d/out")" -eq 2 ] || fail "list: $(cat "$d/out")"
expect 0 rdisk list --json "$d/s"
before=$(field sequence)

expect 0 rdisk checkpoint "$d/s"
grep -Eqx 'checkpoint [0-9]+' "$d/out"
expect 0 rdisk checkpoint --json "$d/s"
after=$(field sequence)
[ "$after" -ge "$before" ] || fail "the sequence went from $before to $after"
expect 0 rdisk recover "$d/s"
grep -Eqx 'at checkpoint [0-9]+' "$d/out"
expect 0 rdisk recover -J "$d/s"
[ "$(field sequence)" -ge "$after" ]

expect 0 rdisk check "$d/s"
grep -q ': sound$' "$d/out"
expect 0 rdisk check -J "$d/s"
[ "$(field sound)" = true ]
expect 0 rdisk stats "$d/s"
grep -q '^Device flushes:' "$d/out"
expect 0 rdisk stats -J "$d/s"
[ "$(field writes)" = 0 ]

# It exists: refused, and left alone.
expect_line 1 "create .*$d/s" rdisk create "$d/s" 1M
expect 0 rdisk info -J "$d/s"
[ "$(field size_bytes)" = 67108864 ]
expect 0 rdisk create --force "$d/s" 1M
expect 0 rdisk info -J "$d/s"
[ "$(field size_bytes)" = 1048576 ]

# Preallocated: the host's blocks are there.
expect 0 rdisk create --preallocate "$d/p" 16M
[ $(($(stat -c '%b * %B' "$d/p"))) -ge $((32 << 20)) ] || fail "--preallocate did not"
expect 0 rdisk create "$d/sparse" 16M
[ $(($(stat -c '%b * %B' "$d/sparse"))) -lt $((8 << 20)) ] || fail "a store is not sparse"

# Output that cannot be written is a failure.
expect_line 1 'standard output' bash -c "rdisk info -J '$d/s' >/dev/full"
