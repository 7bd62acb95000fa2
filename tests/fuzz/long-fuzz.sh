#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# make check-long SEEDS=N: so many mutations of each corpus, from seed FIRST on.
set -e
for target in control open options; do
  "$builddir/fuzz-$target" --seed "${FIRST:-1}" --seeds "${SEEDS:-20000}" \
    "$srcdir/corpus/$target"/*
done
