#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The corpus of fuzz-control, inputs that once showed a fault among it.
exec "$builddir/fuzz-control" "$srcdir/corpus/control"/*
