#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# make check-long SEEDS=N: so many seeds of the random simulation, from FIRST on.
exec "$builddir/sim" --seed "${FIRST:-1}" --seeds "${SEEDS:-20000}"
