#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rdisk: wrong usage is exit status 2 and says what is wrong; sizes as util-linux
# reads them.
. "$srcdir/lib.sh" || exit 99

usage() { # PATTERN COMMAND...
  local pattern=$1
  shift
  expect 2 "$@"
  grep -Eq -- "$pattern" "$d/err" || fail "$*: no '$pattern' in: $(cat "$d/err")"
  [ ! -s "$d/out" ] || fail "$*: output on stdout"
}

expect 0 rdisk --help
grep -q '^  checkpoint ' "$d/out"
expect 0 rdisk --version
grep -Eqx 'rdisk [0-9]+\.[0-9]+\.[0-9]+' "$d/out"
expect 0 rdisk info -h
expect 0 rdisk info -V

usage 'no command' rdisk
usage "'mend'" rdisk mend
usage "'--mend'" rdisk info --mend "$d/s"
usage 'needs a value' rdisk create "$d/s" 1M --label
usage 'missing operand' rdisk create "$d/s"
usage 'extra operand' rdisk create "$d/s" 1M 2M
usage 'no store' rdisk info
usage 'not both' rdisk info "$d/s" --control "$d/c"
usage 'no option' rdisk check --control "$d/c"
usage 'needs --control' rdisk checkpoint --freeze "$d" "$d/s"
usage 'only ab' rdisk create --layout pool "$d/s" 1M
usage '64 bytes' rdisk create "$d/s" 1M --label "$(printf '%064d' 0)"
for block in 0 1 511 1000 128K x ''; do usage '--block-size' rdisk create -b "$block" "$d/s" 1M; done
for size in '' x -1 1Q 1MM 1.5 . 0x10 1e6 ' 1M' 16E 99999999999999999999; do
  usage 'not a size' rdisk create "$d/s" -- "$size"
done
usage 'multiple' rdisk create "$d/s" 0
usage 'multiple' rdisk create "$d/s" 4097
usage 'multiple' rdisk create -b 64K "$d/s" 96K
[ ! -e "$d/s" ] || fail "wrong usage made a store"

expect_line 1 'no such|No such|not exist' rdisk info "$d/nowhere"
expect_line 1 'control socket' rdisk info --control "$d/nowhere"

check_size() { # TEXT BYTES
  expect 0 rdisk create -f "$d/s" "$1"
  expect 0 rdisk info --json "$d/s"
  [ "$(field size_bytes)" = "$2" ] || fail "size $1: $(field size_bytes), not $2"
}
check_size 1048576 1048576
check_size 1M 1048576
check_size 1m 1048576
check_size 1MiB 1048576
check_size 0.5M 524288
check_size 512KB 512000
check_size 1.5GiB 1610612736
