#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# All scripts of five steps, crashed twice over.
set -e
"$builddir/sim-exhaustive" --length 5 --depth 2 --inline 0
"$builddir/sim-exhaustive" --length 5 --depth 2 --inline 4294967295
