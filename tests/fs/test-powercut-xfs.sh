#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# XFS on a loop device over FUSE survives power cuts.
. "${srcdir:-.}/powercut-fs-lib.sh"
need_fs xfs
random_seed
powercut_fs fuse xfs
