#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# As a daemon: it returns when the disk is there; umount and each of SIGTERM,
# SIGINT and SIGHUP end it with a last checkpoint; a mount whose server was
# killed is told apart and can be cleared away.
. "${srcdir:-.}/../fs/lib.sh"
need pgrep

# daemon [OPTION...] - and its process id in $server, which is not our child.
daemon() {
  (cd / && fuse-rdisk "${store#/}" "${mnt#/}" "$@") || fail "fuse-rdisk exited with $?"
  disk=$mnt/disk
  [ -e "$disk" ] || fail "it returned before the disk was there"
  server=$(pgrep -n -f "[f]use-rdisk ${store#/}") || fail "there is no daemon"
}

# A daemon keeps ignoring what it was started to ignore, as nohup does with SIGHUP.
ignored() { # SIGNAL
  local mask
  mask=$(sed -n 's/^SigIgn:[[:space:]]*/0x/p' /proc/$BASHPID/status)
  ((mask >> ($(kill -l "$1") - 1) & 1))
}

put() {
  head -c 4096 /dev/zero | tr '\0' "$1" | dd of="$disk" bs=4096 conv=notrunc 2>>"$log"
}

shows() {
  cmp -n 4096 "$disk" <(head -c 4096 /dev/zero | tr '\0' "$1")
}

rdisk create "$store" 16M >>"$log"
daemon -o "control=${control#/}"
[ -S "$control" ] || fail "no control socket in the directory where it was asked for"
[ "$(readlink "/proc/$server/cwd")" = / ] || fail "it holds on to a directory"
put 1
umount "$mnt"
wait_for gone "$server"
[ ! -e "$control" ] || fail "the control socket is left"
expected=1
for signal in TERM INT HUP; do
  if ignored $signal; then continue; fi
  daemon
  shows $expected || fail "no checkpoint at the end before SIG$signal"
  expected=$((expected + 1))
  put $expected
  kill -$signal "$server"
  wait_for gone "$server"
  if is_mounted "$mnt"; then fail "SIG$signal left the mount"; fi
done

daemon
shows $expected || fail "no checkpoint at the end"
kill -KILL "$server"
wait_for gone "$server"
if ls "$mnt" 2>>"$log"; then fail "a dead mount answers"; fi
expect_failure fuse-rdisk "$store" "$mnt" 2>"$d/err"
grep -q 'earlier mount is gone' "$d/err" || fail "a dead mount gets: $(cat "$d/err")"
fusermount3 -u "$mnt"
daemon
fusermount3 -u "$mnt"
wait_for gone "$server"
server=
