#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Someone who is not root mounts a disk of his own: it is his, with mode 0600, and
# nobody else's, be it root.  In a mount namespace of its own, where /dev/fuse is
# open to all as on most systems.
if [ "${1:-}" != inside ] && unshare --mount true; then exec unshare --mount "$0" inside; fi
. "${srcdir:-.}/../fs/lib.sh"
need setpriv fusermount3 pgrep
[ $# -gt 0 ] || skip "cannot make a mount namespace"
[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not setuid root"

uid=65534
as_user() {
  setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}

mknod "$d/fuse" c 10 229 2>>"$log" || skip "cannot make a device node"
chmod 0666 "$d/fuse"
chmod 0711 "$d"
mount --bind "$d/fuse" /dev/fuse
at_exit 'umount /dev/fuse'
as_user dd if=/dev/fuse count=0 2>>"$log" || skip "$d does not allow device nodes"
mkdir "$d/own"
chown "$uid" "$d/own" "$mnt"
store=$d/own/store
control=$d/own/control
as_user rdisk --version >>"$log" 2>&1 || skip "user $uid cannot reach the programs"

as_user rdisk create "$store" 16M >>"$log"
as_user fuse-rdisk "$store" "$mnt" -o "control=$control"
server=$(pgrep -n -f "[f]use-rdisk $store")
[ "$(as_user stat -c '%a %u' "$mnt/disk")" = "600 $uid" ] || fail "mode and owner"
as_user dd if=/dev/urandom of="$mnt/disk" bs=1M count=16 conv=notrunc,fsync 2>>"$log" ||
  fail "cannot write the whole disk"
expect_failure ls "$mnt" >>"$log" 2>&1
as_user rdisk checkpoint --control "$control" >>"$log"
expect_failure setpriv --reuid 65533 --regid 65533 --clear-groups \
  rdisk checkpoint --control "$control" >>"$log" 2>&1
as_user fusermount3 -u "$mnt"
wait_for gone "$server"
server=
