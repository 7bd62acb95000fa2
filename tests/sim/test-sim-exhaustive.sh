#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# All scripts of four steps, crashed twice over, with commits in the log and with none.
set -e
"$builddir/sim-exhaustive" --length 4 --depth 2 --inline 0
"$builddir/sim-exhaustive" --length 4 --depth 2 --inline 4294967295
