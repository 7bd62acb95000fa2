#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ext4 on a loop device, through FUSE and through NBD, loses nothing that was
# fsynced when the server is killed.
. "${srcdir:-.}/killed-lib.sh"
need nbdkit nbdfuse
need_fs ext4
random_seed

killed fuse ext4 2
killed fuse ext4 1 --direct-io=on
killed nbd ext4 1
