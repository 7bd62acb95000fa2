# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel counts: the disk's writes and flushes, processes' CPU and memory.

A sample is taken before and after each run.  The disk's figures are the whole
disk's: nothing is subtracted for other programs or for the file system's own
journal.  Beside them stand the servers' own write_bytes from /proc/PID/io, which
others do not disturb: pages made dirty and direct writes.
"""

import os
import resource
import time

SECTOR_KIB = 0.5
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


def disk_of(path):
    """The name in /proc/diskstats of the whole disk that holds PATH; None if none does."""
    device = os.stat(path).st_dev
    node = "/sys/dev/block/%d:%d" % (os.major(device), os.minor(device))
    if not os.path.exists(node):
        return None  # tmpfs, overlay, network
    node = os.path.realpath(node)
    if os.path.exists(node + "/partition"):  # flushes are not counted for partitions
        node = os.path.dirname(node)
    return os.path.basename(node)


def disk_counts(name):
    """(KiB written, write requests, flushes) since boot."""
    with open("/proc/diskstats") as stats:
        for line in stats:
            fields = line.split()
            if fields[2] == name:
                flushes = int(fields[18]) if len(fields) > 18 else 0
                return int(fields[9]) * SECTOR_KIB, int(fields[7]), flushes
    raise RuntimeError("no disk %s in /proc/diskstats" % name)


def cpu_us(pid):
    """User and system time of all threads, dead ones too."""
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_US


def written_kib(pid):
    with open("/proc/%d/io" % pid) as io:
        for line in io:
            if line.startswith("write_bytes:"):
                return int(line.split()[1]) / 1024
    return 0


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def machine_us():
    """CPU time of everybody since boot."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) * TICK_US


def children_us():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e6


class Sample:
    """Everything above, now."""

    def __init__(self, disk, pids):
        self.kib, self.writes, self.flushes = disk_counts(disk) if disk else (0, 0, 0)
        self.server_us = sum(cpu_us(pid) for pid in pids)
        self.server_kib = sum(written_kib(pid) for pid in pids)
        self.machine_us = machine_us()
        self.children_us = children_us()
        self.time = time.monotonic()


def settle(pids, quiet_s=0.2, limit_s=3.0):
    """Wait until the servers write no more by themselves."""
    end = time.monotonic() + limit_s
    before = None
    while time.monotonic() < end:
        now = [written_kib(pid) for pid in pids]
        if now == before:
            break
        before = now
        time.sleep(quiet_s)


def evict(paths):
    """Drop clean pages of these files from the page cache (leaves other files alone)."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
