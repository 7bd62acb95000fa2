# SPDX-License-Identifier: BSD-3-Clause
"""Servers under test: starting, finding and ending them.

A kind is `rdisk`, an nbdkit plugin that needs a file (`file`) or a size (`null`,
`memory`), or `bare`: no server, the file itself.  Over NBD the server is nbdkit;
over FUSE it is fuse-rdisk, or nbdfuse over nbdkit for the other kinds.

Each server runs in the foreground as a child of ours and is ended by its pid.
All programs come from PATH: ./run puts the build tree's first.
"""

import os
import shutil
import signal
import subprocess
import time

START_S = 30
STOP_S = 120  # a last flush of much dirty memory may take a while

# No contents: what is read cannot be checked.
FORGETFUL = ("null",)


class BenchError(Exception):
    pass


def run(argv, **options):
    """Run a program to its end; its standard output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, **options)
    if done.returncode != 0:
        raise BenchError("%s: exit status %d: %s"
                         % (" ".join(argv), done.returncode, done.stderr.strip()))
    return done.stdout


def start(argv, ready, log):
    """Start a server; return when ready() is true."""
    with open(log, "ab") as output:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    end = time.monotonic() + START_S
    while not ready():
        if child.poll() is not None or time.monotonic() > end:
            stop(child)
            with open(log) as output:
                raise BenchError("%s: did not start: %s" % (" ".join(argv), output.read().strip()))
        time.sleep(0.02)
    return child


def stop(child):
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Series:
    """One server and the disk it serves, through one transport."""

    def __init__(self, kind, transport, directory, size_bytes, drivers, arguments=()):
        self.kind, self.transport = kind, transport
        self.directory, self.size_bytes = directory, size_bytes
        self.drivers, self.arguments = drivers, list(arguments)
        self.backing = None  # the file that holds the disk
        self.children = []
        self.mount = None
        self.target = None

    def start(self):
        os.makedirs(self.directory)
        self.make_backing()
        if self.kind == "bare":
            self.target = self.backing
        elif self.transport == "nbd":
            self.target = self.start_nbdkit()
        else:
            self.start_fuse()
        return self

    def path(self, name):
        return os.path.join(self.directory, name)

    def make_backing(self):
        """The file of the disk, written out."""
        if self.kind == "rdisk":
            self.backing = self.path("store")
            run(["rdisk", "create", "--preallocate", self.backing, str(self.size_bytes)])
        elif self.kind in ("file", "bare"):
            self.backing = self.path("file")
            run([self.drivers["file"], "--workload=seqwrite", "--depth=1",
                 "--size=%d" % self.size_bytes, self.backing])

    def start_nbdkit(self):
        socket = self.path("socket")
        what = [self.backing] if self.backing else [str(self.size_bytes)]
        pidfile = self.path("pid")
        argv = ["nbdkit", "-f", "-U", socket, "-P", pidfile, self.kind] + what + self.arguments
        self.children.append(start(argv, lambda: os.path.exists(pidfile), self.path("log")))
        return socket

    def start_fuse(self):
        mount = self.path("mount")
        os.mkdir(mount)
        if self.kind == "rdisk":
            argv = ["fuse-rdisk", "-f"] + self.arguments + [self.backing, mount]
            self.target = os.path.join(mount, "disk")
        else:
            argv = ["nbdfuse", mount, "--unix", self.start_nbdkit()]
            self.target = os.path.join(mount, "nbd")
        self.mount = mount
        self.children.append(start(argv, lambda: os.path.exists(self.target), self.path("log")))

    def pids(self):
        return [child.pid for child in self.children]

    def cached_files(self):
        files = [self.backing] if self.backing else []
        return files + ([self.target] if self.mount else [])

    def driver(self):
        return self.drivers["nbd" if self.transport == "nbd" and self.kind != "bare" else "file"]

    def stop(self):
        if self.mount and self.mounted():
            self.unmount()
        for child in reversed(self.children):
            stop(child)
        self.children = []
        if self.mount and self.mounted():  # its server is gone
            subprocess.run(["fusermount3", "-u", "-z", self.mount], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def mounted(self):
        with open("/proc/self/mounts") as mounts:
            return any(line.split()[1] == self.mount for line in mounts)

    def unmount(self):
        subprocess.run(["fusermount3", "-u", self.mount], stderr=subprocess.DEVNULL)
        try:
            self.children[-1].wait(STOP_S)
        except (IndexError, subprocess.TimeoutExpired):
            pass  # stop() ends it
