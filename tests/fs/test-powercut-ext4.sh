#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ext4 on a loop device over FUSE survives power cuts.
. "${srcdir:-.}/powercut-fs-lib.sh"
need_fs ext4
random_seed
powercut_fs fuse ext4
