#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# xfs on a loop device, through FUSE and through NBD, loses nothing that was
# fsynced when the server is killed.
. "${srcdir:-.}/killed-lib.sh"
need nbdkit nbdfuse
need_fs xfs
random_seed

killed fuse xfs 2
killed fuse xfs 1 --direct-io=on
killed nbd xfs 1
