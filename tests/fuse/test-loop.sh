#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The recipe of the manual: filesystems on a loop device on the disk, with the page
# cache and past it; fstrim gives the room back; after umount all is on the store.
. "${srcdir:-.}/../fs/lib.sh"
need_fs ext4
need cksum

tree_sum() {
  (cd "$1" && find . -type f -exec cksum {} + | sort | cksum)
}

fill() {
  cp -r "$top_srcdir/librdisk" "$fs/librdisk"
  head -c 20M /dev/urandom >"$fs/noise"
  sync -f "$fs"
}

for type in ext4 xfs; do
  if ! (need_fs $type); then continue; fi
  for how in '' '--direct-io=on'; do
    for cache in rw direct_io; do
      rm -f "$store"
      rdisk create "$store" 320M >>"$log"
      serve_fuse -o "$cache"
      mkfs.$type -q "$disk"
      # shellcheck disable=SC2086
      attach $how
      [ "$(losetup -n -O DIO "$loop" | tr -d ' ')" = "${how:+1}" ] ||
        [ -z "$how" ] || fail "no direct I/O on the disk, -o $cache"
      mount_fs $type
      fill
      sum=$(tree_sum "$fs")
      stop
      serve_fuse -o ro
      attach --read-only
      mount_fs $type ro
      [ "$(tree_sum "$fs")" = "$sum" ] || fail "$type, losetup $how, -o $cache: the files differ"
      unmount_fs
      fsck_clean $type
      stop
    done
  done
  serve_fuse
  attach
  mount_fs $type
  before=$(stat -c %b "$store")
  rm "$fs/noise"
  umount "$fs" # XFS frees in the background
  mount_fs $type
  fstrim "$fs"
  sync -f "$fs"
  stop
  [ $((before - $(stat -c %b "$store"))) -gt 20000 ] ||
    fail "$type: fstrim gave $((before - $(stat -c %b "$store"))) sectors back of 40960"
done
