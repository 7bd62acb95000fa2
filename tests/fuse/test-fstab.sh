#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A line of fstab mounts the disk, with the options that such lines have.  In a
# mount namespace of its own, where the build tree's fuse-rdisk is installed.
if [ "${1:-}" != inside ] && unshare --mount true; then exec unshare --mount "$0" inside; fi
. "${srcdir:-.}/../fs/lib.sh"
need mount.fuse3 pgrep
[ $# -gt 0 ] || skip "cannot make a mount namespace"

mkdir "$d/bin"
ln -s "$(command -v fuse-rdisk)" "$d/bin/fuse-rdisk"
mount --bind "$d/bin" /usr/local/sbin
at_exit 'umount /usr/local/sbin'

rdisk create "$store" 16M >>"$log"

for options in defaults "checkpoint=manual,control=$control,nofail,_netdev,noauto,x-systemd.requires=/" ro; do
  echo "$store $mnt fuse.fuse-rdisk $options 0 0" >"$d/fstab"
  mount -T "$d/fstab" "$mnt" 2>"$d/err" || fail "$options: $(cat "$d/err")"
  server=$(pgrep -n -f "[f]use-rdisk $store")
  [ "$(findmnt -n -o FSTYPE,SOURCE "$mnt")" = "fuse.fuse-rdisk $store" ] || fail "findmnt"
  if [ "$options" = ro ]; then
    expect_failure dd if=/dev/zero of="$mnt/disk" bs=4096 count=1 conv=notrunc 2>>"$log"
  else
    dd if=/dev/zero of="$mnt/disk" bs=4096 count=1 conv=notrunc,fsync 2>>"$log"
  fi
  if [ -z "${options##*control*}" ]; then rdisk checkpoint --control "$control" >>"$log"; fi
  umount "$mnt"
  wait_for gone "$server"
  server=
done

# The manual's two lines: the disk and a filesystem on it.
if losetup --find >>"$log" 2>&1 && command -v mkfs.ext4 >>"$log"; then
  cat >"$d/fstab" <<END
$store $mnt fuse.fuse-rdisk control=$control 0 0
$mnt/disk $fs ext4 loop,x-systemd.requires-mounts-for=$mnt 0 0
END
  mount -T "$d/fstab" "$mnt"
  server=$(pgrep -n -f "[f]use-rdisk $store")
  mkfs.ext4 -q "$mnt/disk"
  mount -T "$d/fstab" "$fs"
  echo here >"$fs/file"
  umount "$fs"
  umount "$mnt"
  wait_for gone "$server"
  server=
fi

echo "$d/nothing $mnt fuse.fuse-rdisk defaults 0 0" >"$d/fstab"
expect_failure mount -T "$d/fstab" "$mnt" 2>"$d/err"
grep -q "$d/nothing" "$d/err" || fail "a store that is not there: $(cat "$d/err")"
