#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is no store, or a broken one: one clear line, the right exit status, and the
# file is not changed.
. "$srcdir/lib.sh" || exit 99

rdisk create "$d/good" 4M
refused() { # STATUS... FILE: info and checkpoint fail alike, with one of the statuses
  local file=${!#} wanted=("${@:1:$#-1}") command status sum
  sum=$(cksum <"$file")
  for command in info checkpoint; do
    status=0
    rdisk $command "$file" >"$d/out" 2>"$d/err" || status=$?
    [[ " ${wanted[*]} " == *" $status "* ]] ||
      fail "$command $file: exit status $status, not ${wanted[*]}: $(cat "$d/err")"
    grep -qF "$file" "$d/err" || fail "$command: does not name $file: $(cat "$d/err")"
    [ "$(wc -l <"$d/err")" -eq 1 ] || fail "$command $file: not one line: $(cat "$d/err")"
  done
  [ "$(cksum <"$file")" = "$sum" ] || fail "$file was changed"
}

: >"$d/empty"
refused 5 "$d/empty"
head -c 1M /dev/zero >"$d/zeros"
refused 5 "$d/zeros"
{ yes 'this is text' || true; } | head -c 1M >"$d/foreign"
refused 5 "$d/foreign"
for bytes in 1 511 4096 12288 65536; do
  head -c $bytes "$d/good" >"$d/truncated"
  refused 3 5 "$d/truncated"
done
mkdir "$d/folder"
expect_line 1 folder rdisk info "$d/folder"

# In use: a second writer is refused, and told of --control.
cp "$d/good" "$d/used"
ln "$d/used" "$d/other-name"
if command -v nbdkit >"$d/which" && [ -e "$top_builddir/nbd-plugin/.libs/nbdkit-rdisk-plugin.so" ]; then
  nbdkit -f -U "$d/nbd" rdisk "$d/used" control="$d/control" 2>"$d/log" &
  server=$!
  at_exit "kill $server; wait $server"
  wait_for test -S "$d/control"
  expect_line 4 '--control' rdisk checkpoint "$d/used"
  expect_line 4 '--control' rdisk checkpoint "$d/other-name"
  expect 0 rdisk checkpoint --control "$d/control"
  expect_line 4 'use' rdisk create --force "$d/used" 1M
fi

# A read-only file can be looked at by anyone, and changed by nobody.
cp "$d/good" "$d/read-only"
chmod 444 "$d/read-only"
expect 0 rdisk info "$d/read-only"
expect 0 rdisk check "$d/read-only"

# A host without room.
if [ "$(id -u)" -eq 0 ] && mkdir "$d/small" && mount -t tmpfs -o size=1M tmpfs "$d/small" 2>"$d/err"; then
  at_exit "umount '$d/small'"
  expect_line 6 small rdisk create --preallocate "$d/small/s" 64M
  [ -z "$(ls -A "$d/small")" ] || fail "a failed create left $(ls "$d/small")"
fi
