#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ext4 on a loop device over NBD survives power cuts.
. "${srcdir:-.}/powercut-fs-lib.sh"
need nbdkit nbdfuse
need_fs ext4
random_seed
powercut_fs nbd ext4
