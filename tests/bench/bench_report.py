# SPDX-License-Identifier: BSD-3-Clause
"""The tables and the JSON of a benchmark run."""

import json
import statistics

median = statistics.median


def figure(value):
    if value is None:
        return "-"
    if value >= 1000:
        return "%.0f" % value
    return "%.3g" % value


def both(base, ours):
    return "%s/%s" % (figure(base), figure(ours))


def answer(met):
    return {True: "yes", False: "NO", None: ""}[met]


def table(heads, lines, out):
    """Columns as wide as their widest cell; all but the first to the right."""
    rows = [heads] + lines
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip(), file=out)
    print(file=out)


def print_rows(title, rows, out):
    print(title, file=out)
    if not rows:
        return
    heads = ["workload", "base op/s", "ours op/s", "ratio", "min", "max", "target", "met",
             "flush/op", "KiB/op", "cpu us/op"]
    lines = []
    for row in rows:
        base, ours = row["base"], row["ours"]
        lines.append([row["name"], figure(base["ops_s"]), figure(ours["ops_s"]),
                      "%.2f" % row["ratio"], "%.2f" % row["ratio_min"], "%.2f" % row["ratio_max"],
                      figure(row["target"]), answer(row["met"]),
                      both(base["flushes_op"], ours["flushes_op"]),
                      both(base["kib_op"], ours["kib_op"]),
                      both(base["cpu_us_op"], ours["cpu_us_op"])])
    table(heads, lines, out)


def print_extras(rows, out):
    kinds = sorted({kind for row in rows for kind in row["extras"]})
    if not kinds:
        return
    print("Others, ratio to base (median) and op/s", file=out)
    lines = []
    for row in rows:
        line = [row["name"]]
        for kind in kinds:
            extra = row["extras"].get(kind)
            line += ["%.2f" % extra["ratio"], figure(extra["ops_s"])] if extra else ["-", "-"]
        lines.append(line)
    table(["workload"] + [head for kind in kinds for head in (kind, "op/s")], lines, out)


def print_checks(checks, out):
    if checks:
        table(["check", "measured", "limit", "met"],
              [[check["name"], figure(check["value"]),
                check["sense"] + " " + figure(check["limit"]) if check["limit"] is not None else "",
                answer(check["met"])] for check in checks], out)


def print_all(report, out):
    about = report["about"]
    print("rdisk benchmarks: %(ours)s against %(base)s, disk of %(size_mib)d MiB, %(pairs)d pairs,"
          " interleaved\nin %(directory)s on %(disk)s, kernel %(kernel)s, %(cpus)d CPUs, %(date)s"
          "\ntwo figures in a column are base/ours; under 20 %% is a tie; see README.md\n"
          % about, file=out)
    for section in report["sections"]:
        print_rows(section["title"], section["rows"], out)
        print_extras(section["rows"], out)
        print_checks(section["checks"], out)
    if about["others_worst"] is None:
        return
    print("CPU used by other programs during the runs: median %.0f %%, worst %.0f %% of one CPU"
          % (about["others_median"], about["others_worst"]), file=out)


def write_json(report, path):
    with open(path, "w") as out:
        json.dump(report, out, indent=1)
        out.write("\n")


def check(name, value, limit, sense="<="):
    """One line of the table of checks; LIMIT None: a figure without a limit."""
    met = None
    if limit is not None and value is not None:
        met = value <= limit if sense == "<=" else value >= limit
    return {"name": name, "value": value, "limit": limit, "sense": sense, "met": met}
