# SPDX-License-Identifier: BSD-3-Clause
"""Rows that compare servers: each workload on each server in turn, A B, B A, A B.

A ratio is taken within a pair, of two runs side by side, and then the median of
the pairs; so what disturbs the machine for longer than a pair disturbs both, and
who goes first changes from pair to pair.
"""

import json

import bench_counters as counters
from bench_report import check, median
from bench_servers import FORGETFUL, Series, run

RANDOM = ("randwrite", "syncwrite", "flushwrite", "firstwrite", "randread")

FUSE_OPS = 32768  # a tenth as fast as NBD

# (row, workload, page cache of the files before each run), in this order: first the disk as
# sequential writes left it, then what random writes make of it ("aged").  Writes begin cold
# too: how large the folios are that earlier reads left in the cache changes a buffered
# server's flushes by a half.
ROWS = [
    ("sequential read, cold", "seqread", "cold"),
    ("sequential read, warm", "seqread", "warm"),
    ("sequential write + flush", "seqwrite", "cold"),
    ("random write QD32", "randwrite", "cold"),
    ("write + flush each", "syncwrite", "cold"),
    ("flush every 64, QD16", "flushwrite", "cold"),
    ("first after checkpoint", "firstwrite", "cold"),
    ("random read QD32, cold", "randread", "cold"),
    ("random read QD32, warm", "randread", "warm"),
    ("sequential read, cold, aged", "seqread", "cold"),
    ("sequential read, warm, aged", "seqread", "warm"),
    ("sequential write, aged", "seqwrite", "cold"),
]

TARGETS_NBD = {
    "randwrite": 2.0, "flushwrite": 2.0, "syncwrite": 1.3,
    "randread": 0.95, "seqread": 0.95, "seqwrite": 1.0,
}
TARGETS_FUSE = {workload: 1.2 for workload in TARGETS_NBD}
TARGETS_NONE = {}


class Runner:
    """Runs drivers and keeps what all runs have in common."""

    def __init__(self, options, say):
        self.options, self.say = options, say
        self.others = []  # CPU of other programs, % of one CPU, a run each

    def series(self, kind, transport, directory, name):
        arguments = self.options.arguments if kind == "rdisk" and transport == "nbd" else ()
        return Series(kind, transport, "%s/%s" % (directory, name), self.options.size,
                      self.options.drivers, arguments)

    def drive(self, series, workload, *more):
        argv = [series.driver(), "--workload=" + workload, "--seed=%d" % self.options.seed]
        argv += more
        if series.kind in FORGETFUL:
            argv.append("--no-verify")
        if series.driver() == self.options.drivers["nbd"]:
            argv.append("--connections=%d" % self.options.connections)
        elif series.kind == "bare" or self.options.fuse_io == "direct":
            argv.append("--direct")
        return json.loads(run(argv + [series.target]))

    def length(self, series, workload):
        """How many requests, where the workload's own number is not meant."""
        ops = self.options.ops or (FUSE_OPS if series.transport == "fuse" else None)
        if ops is None or workload not in RANDOM:
            return []
        return ["--ops=%d" % (max(1, ops // 8) if workload == "syncwrite" else ops)]

    def fill(self, series):
        if series.kind not in ("file", "bare", "null"):
            self.drive(series, "seqwrite", "--depth=1")

    def measure(self, series, disk, workload, cache):
        """One run with its counters."""
        counters.settle(series.pids(), self.options.settle)
        if cache == "cold":
            counters.evict(series.cached_files())
        elif cache == "warm":
            self.drive(series, "seqread")
        before = counters.Sample(disk, series.pids())
        result = self.drive(series, workload, *self.length(series, workload))
        after = counters.Sample(disk, series.pids())
        counters.settle(series.pids(), self.options.settle)
        settled = counters.Sample(disk, series.pids())
        self.note_others(before, after)
        return self.per_op(result, before, settled, disk)

    def note_others(self, before, after):
        elapsed_us = (after.time - before.time) * 1e6
        others_us = (after.machine_us - before.machine_us
                     - (after.server_us - before.server_us)
                     - (after.children_us - before.children_us))
        self.others.append(max(0.0, 100 * others_us / elapsed_us))

    @staticmethod
    def per_op(result, before, after, disk):
        """What the servers and the disk did, divided by the run's requests.  Work put off
        until after the run (up to three seconds) is counted too."""
        ops = result["ops"]
        result["cpu_us_op"] = (after.server_us - before.server_us) / ops
        result["server_kib_op"] = (after.server_kib - before.server_kib) / ops
        result["kib_op"] = (after.kib - before.kib) / ops if disk else None
        result["flushes_op"] = (after.flushes - before.flushes) / ops if disk else None
        return result


def summary(runs):
    """Medians of the runs of one server in one row."""
    keys = ("ops_s", "mb_s", "cpu_us_op", "server_kib_op", "kib_op", "flushes_op")
    result = {key: None if runs[0][key] is None else median([one[key] for one in runs])
              for key in keys}
    result["runs"] = runs
    return result


def compare(row, runs, target):
    """RUNS: a list of (kind, runs); the first is the base, the second ours."""
    base = runs[0][1]

    def ratios(others):
        return [other["ops_s"] / one["ops_s"] for one, other in zip(base, others)]

    ours = ratios(runs[1][1])
    result = {"name": row, "base": summary(base), "ours": summary(runs[1][1]),
              "ratios": ours, "ratio": median(ours), "ratio_min": min(ours),
              "ratio_max": max(ours), "target": target, "extras": {},
              "met": None if target is None else median(ours) >= target}
    for kind, others in runs[2:]:
        result["extras"][kind] = dict(summary(others), ratio=median(ratios(others)))
    return result


def first_checks(runs):
    """The first writes after a checkpoint against the later ones.  On any server the first
    requests after a pause meet sleeping threads; so the base's figure bounds the limit."""
    checks = []
    limit = 1.0
    for number, (kind, each) in enumerate(runs[:2]):
        if all("first_us" in one and "later_us" in one for one in each):
            speed = median([one["later_us"]["mean"] / one["first_us"]["mean"] for one in each])
            checks.append(check("%s: speed of the first 256 writes after a checkpoint to later ones"
                                % kind, speed, 0.8 * limit if number == 1 else None, ">="))
            limit = min(limit, speed)
    return checks


def disk_checks(row, workload, transport):
    """What a commit may cost on the disk."""
    ours = row["ours"]
    if ours["kib_op"] is None:
        return []
    name = "rdisk, %s: %s, " % (transport, row["name"])
    if workload == "syncwrite":
        return [check(name + "device flushes per commit", ours["flushes_op"], 1.05)]
    if workload == "flushwrite":
        return [check(name + "written / data", ours["kib_op"] / 4, 1.5)]
    return []


def compare_servers(runner, title, transport, directory, targets, rows=None, extras=()):
    """All rows over one transport: a section of the report."""
    options = runner.options
    kinds = [options.base, options.ours] + list(extras)
    disk = counters.disk_of(options.dir if directory is None else directory)
    servers = []
    section = {"title": title, "rows": [], "checks": []}
    try:
        for number, kind in enumerate(kinds):
            servers.append(runner.series(kind, transport, directory,
                                         "%s-%d-%s" % (transport, number, kind)))
            servers[-1].start()
            runner.fill(servers[-1])
        for name, workload, cache in rows or options.rows:
            runs = interleave(runner, servers, disk, name, workload, cache)
            row = compare(name, runs, targets.get(workload))
            section["rows"].append(row)
            if workload == "firstwrite":
                section["checks"] += first_checks(runs)
            if options.ours == "rdisk":
                section["checks"] += disk_checks(row, workload, transport)
    finally:
        for server in servers:
            server.stop()
    return section


def interleave(runner, servers, disk, name, workload, cache):
    runs = [(server.kind, []) for server in servers]
    for pair in range(runner.options.pairs):
        runner.say("%s: %s, pair %d of %d"
                   % (servers[0].transport, name, pair + 1, runner.options.pairs))
        turn = list(zip(servers, runs))
        for server, (_, results) in reversed(turn) if pair % 2 else turn:
            results.append(runner.measure(server, disk, workload, cache))
    return runs


def compare_cpu(runner, directory):
    """Software alone: servers on tmpfs, CPU of an operation."""
    rows = [row for row in ROWS if row[1] in ("randwrite", "syncwrite")
            or row[1:] == ("randread", "warm")]
    section = compare_servers(runner, "NBD on tmpfs: software alone", "nbd", directory,
                              TARGETS_NONE, rows)
    for row in section["rows"]:
        above = row["ours"]["cpu_us_op"] - row["base"]["cpu_us_op"]
        limit = None if row["name"].startswith("write + flush") else 2.0
        section["checks"].append(check("tmpfs: %s: server CPU us/op above base" % row["name"],
                                       above, limit))
    return section
