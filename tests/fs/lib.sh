# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - sourced by the tests that mount: here and in tests/fuse.
#
# Each test has a folder of its own, $d, in which $store is served as the file
# $disk (by serve_fuse or serve_nbd), attached to $loop and mounted on $fs.  What
# a test began is ended when it exits, by process id, mount point and loop
# device; nothing that is not its own is touched.
# shellcheck shell=bash disable=SC2034

set -eu -o pipefail

d=$(mktemp -d "${TMPDIR:-/var/tmp}/rdisk-fs.XXXXXX")
store=$d/store
mnt=$d/mnt
fs=$d/fs
control=$d/control
log=$d/log
disk=
loop=
server=
bridge=
exit_commands=()
recorder=() # what to put before the server's command
mkdir "$mnt" "$fs"
: >"$log"

# ---- saying how it went ----

fail() {
  echo "FAIL: $*"
  exit 1
}

skip() {
  echo "SKIP: $*" >&2
  exit 77
}

need() {
  local program
  for program; do
    command -v "$program" >>"$log" || skip "$program is not installed"
  done
}

on_exit() {
  local status=$? i
  set +e
  if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -s "$log" ]; then
    echo "--- the server's log:"
    tail -n 40 "$log"
  fi
  crash
  for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do eval "${exit_commands[i]}"; done
  rm -rf --one-file-system "$d"
  exit $status
}
at_exit() { exit_commands+=("$1"); }
trap on_exit EXIT
trap 'exit 1' INT TERM HUP

# ---- what there must be ----

need fuse-rdisk rdisk losetup
[ "$(id -u)" -eq 0 ] || skip "mounting takes root"
[ -c /dev/fuse ] || skip "there is no /dev/fuse"

need_loop() {
  losetup --find >>"$log" 2>&1 || skip "there are no loop devices"
}

# need_fs TYPE - its mkfs, and the kernel's part.
need_fs() {
  need_loop
  need "mkfs.$1"
  grep -qw "$1" /proc/filesystems || modprobe "$1" 2>>"$log" ||
    { [ "$1" = ext2 ] && grep -qw ext4 /proc/filesystems; } || skip "the kernel has no $1"
}

# wait_for COMMAND... - until it succeeds, for 20 seconds.
wait_for() {
  local i
  for ((i = 0; i < 400; i++)); do
    if "$@"; then return; fi
    sleep 0.05
  done
  fail "waited in vain for: $*"
}

expect_failure() {
  if "$@"; then fail "succeeded: $*"; fi
}

# ---- serving ----

server_shows() {
  kill -0 "$server" 2>>"$log" || fail "the server ended at once"
  [ -e "$disk" ]
}

# serve_fuse [OPTION...] - fuse-rdisk in the foreground of its own.
serve_fuse() {
  disk=$mnt/disk
  ${recorder[@]+"${recorder[@]}"} fuse-rdisk -f "$store" "$mnt" "$@" 2>>"$log" &
  server=$!
  wait_for server_shows
}

# serve_nbd [KEY=VALUE...] - nbdkit (whose own leaks are not ours), and nbdfuse to
# have a file of it.
serve_nbd() {
  disk=$mnt/nbd
  rm -f "$d/socket"
  ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 \
    ${recorder[@]+"${recorder[@]}"} nbdkit -f -U "$d/socket" rdisk "$store" "$@" 2>>"$log" &
  server=$!
  wait_for test -S "$d/socket"
  nbdfuse "$mnt" --unix "$d/socket" 2>>"$log" &
  bridge=$!
  wait_for server_shows
}

# serve FUSE-OR-NBD [OPTION...]
serve() {
  local front=$1
  shift
  "serve_$front" "$@"
}

# attach [OPTION...] - a loop device on the disk.
attach() {
  loop=$(losetup --find --show "$@" "$disk")
}

detach() {
  losetup --detach "$loop"
  loop=
}

# The kernel lets go of the file when the last one that looked at the device has.
detached() { # DEVICE
  [ ! -e "/sys/block/${1##*/}/loop/backing_file" ] ||
    ! grep -qF "$d/" "/sys/block/${1##*/}/loop/backing_file" 2>>"$log"
}

# mount_fs TYPE [OPTIONS]
mount_fs() {
  mount -t "$1" -o "${2:-rw}" "$loop" "$fs"
}

# A mount namespace that somebody else made meanwhile has a copy of the mount; the
# filesystem lives on until that is gone, too.
fs_gone() {
  [ ! -e "/sys/fs/xfs/${loop##*/}" ] && [ ! -e "/sys/fs/ext4/${loop##*/}" ]
}

unmount_fs() {
  umount "$fs"
  wait_for fs_gone
}

# is_mounted DIRECTORY - something is, even where it does not answer any more.
is_mounted() {
  grep -qF " $1 " /proc/self/mountinfo
}

# ---- ending ----

# The process is ours and has ended, whatever it says.
reap() {
  { wait "$1" || true; } 2>>"$log"
}

stop_bridge() {
  if [ -z "$bridge" ]; then return; fi
  umount "$mnt" 2>>"$log" || umount -l "$mnt" 2>>"$log" || true
  reap "$bridge"
  bridge=
}

# stop - as an administrator would: unmount all, which ends the server well.
stop() {
  local pid=$server device status=0
  if is_mounted "$fs"; then unmount_fs; fi
  if [ -n "$loop" ]; then
    device=$loop
    detach
    wait_for detached "$device"
  fi
  if [ -n "$bridge" ]; then
    stop_bridge
    kill -TERM "$pid"
  else
    umount "$mnt"
  fi
  server=
  wait "$pid" || status=$?
  [ $status -eq 0 ] || fail "the server exited with $status"
}

# kill_server - SIGKILL.
kill_server() {
  if [ -z "$server" ]; then return; fi
  kill -KILL "$server" 2>>"$log" || true
  reap "$server"
  server=
}

# crash - that; then clear up what it left standing.
crash() {
  kill_server
  if is_mounted "$fs"; then umount "$fs" 2>>"$log" || umount -l "$fs"; fi
  local i
  for ((i = 0; i < 400; i++)); do
    if [ -z "$loop" ] || fs_gone; then break; fi
    sleep 0.05
  done
  if [ -n "$loop" ]; then detach; fi
  stop_bridge
  if is_mounted "$mnt"; then umount "$mnt" 2>>"$log" || umount -l "$mnt"; fi
}

# gone PID - it has ended; it need not be our child.
gone() {
  [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>>"$log"
}

# ---- looking ----

# fsck_clean TYPE - find nothing to mend on $loop, which is not mounted.
fsck_clean() {
  case $1 in
  xfs) xfs_repair -n "$loop" >"$d/fsck" 2>&1 ;;
  ext*) e2fsck -fn "$loop" >"$d/fsck" 2>&1 ;;
  esac || {
    cat "$d/fsck"
    fail "$1 is damaged"
  }
}

# number KEY - the first number of that name in the JSON on stdin.
number() {
  sed -n "s/^.*\"$1\": *\([0-9][0-9]*\).*$/\1/p" | head -n 1
}

# stat_of KEY - from the server's control socket.
stat_of() {
  rdisk stats --json --control "$control" | number "$1"
}

# random_seed - from $SEED, or new; printed, to run the same again.
random_seed() {
  seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
  echo "seed $seed (run again with SEED=$seed)"
}
