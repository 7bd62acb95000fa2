#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The corpus of fuzz-open, inputs that once showed a fault among it.
exec "$builddir/fuzz-open" "$srcdir/corpus/open"/*
