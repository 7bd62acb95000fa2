#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# rdisk checkpoint --freeze: the filesystem is thawed in every path: success, a
# server that fails, a server that hangs and a tool that is killed.
. "$srcdir/lib.sh" || exit 99
need mkfs.ext2 nbdkit
[ "$(id -u)" -eq 0 ] || skip "only root can freeze a filesystem"

rdisk create "$d/s" 16M
nbdkit -f -U "$d/nbd" rdisk "$d/s" checkpoint=manual control="$d/control" 2>"$d/log" &
server=$!
at_exit "kill -CONT $server; kill $server; wait $server"
wait_for test -S "$d/control"

truncate -s 16M "$d/image"
mkfs.ext2 -q "$d/image"
mkdir "$d/mnt"
mount -o loop "$d/image" "$d/mnt" 2>"$d/err" || skip "cannot mount a loop device: $(cat "$d/err")"
at_exit "fsfreeze --unfreeze '$d/mnt' 2>'$d/err'; umount '$d/mnt'"

# A write that meets a frozen filesystem cannot be killed, so it waits in the
# background: try NAME starts one, got_through NAME asks whether it got through.
try() { { touch "$d/mnt/$1" && touch "$d/$1.done"; } & }
got_through() { [ -e "$d/$1.done" ]; }
thawed() {
  try "$1"
  wait_for got_through "$1"
}
frozen() {
  try "$1"
  sleep 0.5
  ! got_through "$1"
}

expect 0 rdisk checkpoint --control "$d/control" --freeze "$d/mnt"
thawed success || fail "still frozen after success"

expect_line 1 'control socket' rdisk checkpoint --control "$d/nobody" --freeze "$d/mnt"
thawed failure || fail "still frozen after a failure"

expect_line 1 'cannot be frozen' rdisk checkpoint --control "$d/control" --freeze /proc
expect_line 1 'ot a directory' rdisk checkpoint --control "$d/control" --freeze "$d/image"
fsfreeze --freeze "$d/mnt"
expect_line 1 'frozen already' rdisk checkpoint --control "$d/control" --freeze "$d/mnt"
frozen held || fail "somebody else's freeze was undone"
fsfreeze --unfreeze "$d/mnt"

# The server hangs; the tool is interrupted (held off) and then killed.
kill -STOP $server
rdisk checkpoint --control "$d/control" --freeze "$d/mnt" >"$d/out" 2>&1 &
waiting=$!
sleep 1
frozen probe1 || fail "the filesystem is not frozen"
kill -INT $waiting
frozen probe2 || fail "an interrupt thawed the filesystem before the checkpoint"
kill -KILL $waiting
wait $waiting 2>"$d/err" || true
thawed killed || fail "still frozen after the tool was killed"
kill -CONT $server
