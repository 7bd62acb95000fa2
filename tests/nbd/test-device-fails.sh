#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The device under the store fails: the flush says so on every connection and goes
# on saying so (D8), and a new server finds the last checkpoint.
. "${srcdir:-.}/lib.sh"
need nbdfuse
[ -e /dev/fuse ] || skip "there is no /dev/fuse"

# The store lies on a file that nbdfuse makes of an NBD server whose writes fail
# once the file $d/fail is there.
rdisk create "$d/blank" 16M
touch "$d/device"
nbdfuse -P "$d/nbdfuse.pid" "$d/device" \
  [ nbdkit -f --exit-with-parent --filter=error memory "$(stat -c %s "$d/blank")" \
  error=EIO error-pwrite-rate=100% "error-file=$d/fail" ] 2>>"$d/log" &
device=$!
mounted() {
  kill -0 $device 2>>"$d/log" || skip "nbdfuse does not run here"
  [ -s "$d/nbdfuse.pid" ]
}
wait_for mounted
at_exit "end_server; fusermount3 -u '$d/device' || umount '$d/device'"

store=$d/device
dd if="$d/blank" of="$store" bs=1M conv=notrunc,fsync status=none
serve
nbd 'h.pwrite(b"c" * 65536, 0); h.flush()'
touch "$d/fail"
nbd '
others = [nbd.NBD() for i in range(2)]
for other in others:
  other.connect_uri(sys.argv[1])
def fails(what):
  try:
    what()
  except nbd.Error as error:
    assert error.errno == "EIO", error
    return
  sys.exit("a flush succeeded on a device that fails")
h.pwrite(b"d" * 65536, 0)
for handle in [h] + others:
  fails(handle.flush)
' "$uri"
rm "$d/fail"
nbd '
try:
  h.flush()
  sys.exit("D8: a commit after an I/O error")
except nbd.Error as error:
  assert error.errno == "EIO", error
'
crash
serve
nbd '
assert h.pread(65536, 0) == b"c" * 65536, "not the last checkpoint"
h.pwrite(b"e" * 4096, 0)
h.flush()
'
stop
