#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Seeds that once failed, each with what it showed.
exec "$builddir/sim" --file "$srcdir/seeds.txt"
