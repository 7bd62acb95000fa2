#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The mount: one file of the disk's size and mode 0600, which reads, writes, has
# holes and ends like a block device, and nothing else.
. "${srcdir:-.}/../fs/lib.sh"
need python3 fallocate

rdisk create "$store" 64M >>"$log"
serve_fuse

[ "$(ls -A "$mnt")" = disk ] || fail "names: $(ls -A "$mnt")"
[ "$(stat -c '%s %a %u %F' "$disk")" = "67108864 600 $(id -u) regular empty file" ] ||
  [ "$(stat -c '%s %a %u %F' "$disk")" = "67108864 600 $(id -u) regular file" ] ||
  fail "the disk is: $(stat -c '%s %a %u %F' "$disk")"
[ "$(stat -f -c '%S %b' "$mnt")" = "4096 16384" ] || fail "statfs: $(stat -f -c '%S %b' "$mnt")"
[ "$(findmnt -n -o FSTYPE,SOURCE "$mnt")" = "fuse.fuse-rdisk $store" ] || fail "findmnt"

cmp -n 64M "$disk" /dev/zero || fail "a new disk is not zero"

python3 - "$disk" <<'END'
import ctypes, errno, mmap, os, random, sys

disk, size = sys.argv[1], 64 << 20
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
KEEP, PUNCH, ZERO, COLLAPSE = 1, 2, 16, 8


def fallocate(mode, offset, length):
    if libc.fallocate(fd, mode, offset, length):
        raise OSError(ctypes.get_errno(), "fallocate")


def expect(code, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == code, (call, arguments, error)
    else:
        raise AssertionError((call, arguments, "succeeded"))


fd = os.open(disk, os.O_RDWR)
model = bytearray(16 << 20)
random.seed(1)

# Any offset, any length; cached, and past the cache.
direct = os.open(disk, os.O_RDWR | os.O_DIRECT)
page = mmap.mmap(-1, 2 << 20)
for i in range(400):
    offset, length = random.randrange(15 << 20), random.choice((1, 511, 4096, 5000, 70000, 900000))
    data = random.randbytes(min(length, len(model) - offset))
    kind = random.randrange(6)
    if kind < 2:
        assert os.pwrite(fd, data, offset) == len(data)
    elif kind == 2:
        offset &= ~4095
        length = (len(data) + 4095) & ~4095
        data = random.randbytes(length)
        page[:length] = data
        assert os.pwritev(direct, [memoryview(page)[:length]], offset) == length
    elif kind == 3:
        fallocate(KEEP | PUNCH, offset, len(data))
        data = bytes(len(data))
    elif kind == 4:
        fallocate(ZERO | random.choice((0, KEEP)), offset, len(data))
        data = bytes(len(data))
    else:
        fallocate(random.choice((0, KEEP)), offset, len(data))
        continue
    model[offset:offset + len(data)] = data
    assert os.pread(fd, len(data) + 2000, offset) == model[offset:offset + len(data) + 2000], offset
    assert os.preadv(direct, [page], 0) == len(page)
    assert page[:] == model[:len(page)], "past the cache"
assert os.pread(fd, len(model), 0) == model

# Its end.
assert os.pread(fd, 100, size) == b""
assert os.pread(fd, 100, size - 50) == bytes(50)
assert os.pwrite(fd, b"x" * 100, size - 50) == 50
expect(errno.ENOSPC, os.pwrite, fd, b"x", size)
expect(errno.EFBIG, fallocate, 0, size - 4096, 8192)
fallocate(KEEP | PUNCH, size - 8192, 1 << 20)
assert os.pread(fd, 50, size - 50) == bytes(50)
expect(errno.EOPNOTSUPP, fallocate, COLLAPSE, 0, 4096)

# Holes.
fallocate(KEEP | PUNCH, 0, size)
expect(errno.ENXIO, os.lseek, fd, 0, os.SEEK_DATA)
assert os.lseek(fd, 0, os.SEEK_HOLE) == 0
os.pwrite(fd, b"d" * 8192, 1 << 20)
assert os.lseek(fd, 0, os.SEEK_DATA) == 1 << 20
assert os.lseek(fd, 1 << 20, os.SEEK_HOLE) == (1 << 20) + 8192
expect(errno.ENXIO, os.lseek, fd, size, os.SEEK_HOLE)

# What it does not do.
expect(errno.EPERM, os.ftruncate, fd, size - 1)
os.ftruncate(fd, size)
os.utime(disk)
expect(errno.EPERM, os.chmod, disk, 0o666)
expect(errno.EPERM, os.open, disk, os.O_WRONLY | os.O_TRUNC)
folder = os.path.dirname(disk)
expect(errno.EPERM, os.unlink, disk)
expect(errno.EPERM, os.rename, disk, folder + "/other")
expect(errno.EPERM, os.mkdir, folder + "/folder")
expect(errno.ENOENT, os.stat, folder + "/other")
try:
    os.close(os.open(folder + "/other", os.O_WRONLY | os.O_CREAT))
    raise AssertionError("made a file")
except PermissionError:
    pass
END
stop
