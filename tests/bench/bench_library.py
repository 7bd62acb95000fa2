# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the library alone: commits of one block and opening, small and large disk.

Both stores are sparse files.  A commit on the small and on the large one
alternate; the bare file is one write and fdatasync with direct I/O.
"""

import json
import os
import subprocess

import bench_counters as counters
from bench_report import check, median
from bench_servers import BenchError, run

KILLED = -9


class Library:
    def __init__(self, runner, directory):
        self.options, self.say = runner.options, runner.say
        self.program = self.options.drivers["commit"]
        self.directory = directory
        self.disk = counters.disk_of(directory)
        self.checks = []

    def note(self, *arguments):
        self.checks.append(check(*arguments))

    def section(self, title, runs):
        checks, self.checks = self.checks, []
        return {"title": title, "rows": [], "checks": checks, "runs": runs}

    def create(self, name, size_bytes, *flags):
        path = os.path.join(self.directory, name)
        run(["rdisk", "create"] + list(flags) + [path, str(size_bytes)])
        return path

    def commits(self, store, seed):
        before = counters.disk_counts(self.disk) if self.disk else None
        result = json.loads(run([self.program, "commits", store, str(self.options.commits), "1",
                                 str(seed)]))
        if before:
            after = counters.disk_counts(self.disk)
            result["kib"] = (after[0] - before[0]) / self.options.commits
            result["flushes"] = (after[2] - before[2]) / self.options.commits
        return result

    def open(self, store):
        counters.evict([store])
        return json.loads(run([self.program, "open", store]))

    def crash(self, store, writes, seed):
        """Random writes, a checkpoint every 64, SIGKILL inside an interval."""
        argv = [self.program, "crash", store, str(max(1, writes // 64)), "64", str(seed)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != KILLED:
            raise BenchError("%s: %s" % (" ".join(argv), done.stderr.decode().strip()))

    def bare(self, path):
        return json.loads(run([self.options.drivers["file"], "--workload=syncwrite", "--direct",
                               "--ops=%d" % self.options.commits, path]))

    def compare_commits(self, small, large, bare_file):
        small_runs, large_runs, bare_runs = [], [], []
        for pair in range(self.options.pairs):
            self.say("library: commits, pair %d of %d" % (pair + 1, self.options.pairs))
            small_runs.append(self.commits(small, pair + 1))
            large_runs.append(self.commits(large, pair + 1))
            bare_runs.append(self.bare(bare_file))
        for statistic in ("p50", "mean"):
            self.compare_latency(small_runs, large_runs, statistic)
        bare_us = median([one["seconds"] * 1e6 / one["ops"] for one in bare_runs])
        self.note("bare file: write + fdatasync, us", bare_us, None)
        self.commit_costs("large disk", large_runs)
        return {"small": small_runs, "large": large_runs, "bare": bare_runs}

    def compare_latency(self, small_runs, large_runs, statistic):
        pairs = [(one["latency_us"][statistic], other["latency_us"][statistic])
                 for one, other in zip(small_runs, large_runs)]
        for index, name in enumerate(("small", "large")):
            self.note("commit of one block, %s disk, %s us" % (name, statistic),
                      median([pair[index] for pair in pairs]), None)
        self.note("commit of one block, large / small, %s" % statistic,
                  median([large / small for small, large in pairs]), 1.1)

    def commit_costs(self, name, runs):
        self.note("%s: blocks written per one-block commit" % name,
                  median([one["device_blocks"] for one in runs]), 3.0)
        for part in ("data_blocks", "log_blocks", "map_blocks", "roots"):
            self.note("%s: of them %s" % (name, part), median([one[part] for one in runs]), None)
        self.note("%s: device flushes per commit" % name,
                  median([one["device_flushes"] for one in runs]), 1.05)
        if self.disk:
            self.note("%s: KiB on the disk per commit (all programs)" % name,
                      median([one["kib"] for one in runs]), None)

    def preallocated(self):
        store = self.create("written-out", self.options.size, "--preallocate")
        runs = []
        for number in range(self.options.pairs):
            self.say("library: commits on a written-out store, %d of %d"
                     % (number + 1, self.options.pairs))
            runs.append(self.commits(store, number + 100))
        self.note("written out: commit of one block, p50 us",
                  median([one["latency_us"]["p50"] for one in runs]), None)
        self.commit_costs("written out", runs)
        os.unlink(store)
        return runs

    def opens(self, large):
        clean = [self.open(large) for _ in range(self.options.pairs)]
        if not all(one["clean"] for one in clean):
            raise BenchError("a store that was closed properly does not say so")
        crashed = []
        for number in range(3):
            writes = self.options.crash_writes // (10 if number else 1)
            self.say("library: crash after %d writes" % writes)
            self.crash(large, writes, number + 7)
            crashed.append(self.open(large))
        if any(one["clean"] for one in crashed):
            raise BenchError("a store that crashed says it was closed properly")
        self.note("open the large disk after a clean close, ms (median)",
                  median([one["open_ms"] for one in clean]), 20)
        self.note("open the large disk after a crash, ms (worst of 3)",
                  max(one["open_ms"] for one in crashed), 100)
        self.note("memory gained by opening after a crash, MiB (worst of 3)",
                  max(one["rss_kib"] - one["rss_before_kib"] for one in crashed) / 1024, 32)
        return {"clean": clean, "crashed": crashed}


def measure_library(runner, directory):
    options = runner.options
    library = Library(runner, directory)
    small = library.create("small", options.size)
    large = library.create("large", options.large)
    bare_file = os.path.join(directory, "bare")
    run([options.drivers["file"], "--workload=seqwrite", "--depth=1", "--size=%d" % options.size,
         bare_file])
    runs = {"commits": library.compare_commits(small, large, bare_file),
            "preallocated": library.preallocated()}
    yield library.section("Library: commits", runs)
    os.unlink(small)
    os.unlink(bare_file)
    yield library.section("Library: opening", {"opens": library.opens(large)})
    os.unlink(large)
