#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The corpus of fuzz-options, inputs that once showed a fault among it.
exec "$builddir/fuzz-options" "$srcdir/corpus/options"/*
