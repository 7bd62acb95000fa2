#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# All scripts of four steps (of three under a sanitizer, which is slow), crashed twice
# over, with commits in the log and with none.
set -e
case $CC in
*-fsanitize*) length=3 ;;
*) length=4 ;;
esac
"$builddir/sim-exhaustive" --length $length --depth 2 --inline 0
"$builddir/sim-exhaustive" --length $length --depth 2 --inline 4294967295
