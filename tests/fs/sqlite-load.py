# SPDX-License-Identifier: BSD-3-Clause
"""Keep a database busy, and later hold it to what it has acknowledged:

  sqlite-load.py run DATABASE JOURNAL-MODE ACKS SECONDS [LOG]
  sqlite-load.py verify DATABASE ACKS [LOG-BYTES]

Transaction n inserts row n and moves money between two accounts, whose sum
stays.  After the commit a line "n log-bytes" goes to ACKS (see fs-load.c).
"""
import os
import sqlite3
import sys
import time

ACCOUNTS = 100


def prepare(database, mode):
    db = sqlite3.connect(database, isolation_level=None)
    assert db.execute(f"PRAGMA journal_mode={mode}").fetchone()[0] == mode
    # With a rollback journal FULL does not sync the journal's removal, the commit.
    db.execute(f"PRAGMA synchronous={'FULL' if mode == 'wal' else 'EXTRA'}")
    db.execute("BEGIN")
    db.execute("CREATE TABLE done (n INTEGER PRIMARY KEY, pad BLOB)")
    db.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER)")
    db.executemany("INSERT INTO account VALUES (?, 100)", ((i,) for i in range(ACCOUNTS)))
    db.execute("COMMIT")
    return db


def transaction(db, n):
    db.execute("BEGIN")
    db.execute("INSERT INTO done VALUES (?, zeroblob(?))", (n, n * 37 % 6000))
    db.execute("UPDATE account SET money = money - 1 WHERE id = ?", (n * 7 % ACCOUNTS,))
    db.execute("UPDATE account SET money = money + 1 WHERE id = ?", (n * 13 % ACCOUNTS,))
    db.execute("COMMIT")


def run(database, mode, acks, seconds, log=None):
    end = time.monotonic() + float(seconds)
    n = 0
    with open(acks, "w", buffering=1) as file:
        try:
            db = prepare(database, mode)
            while time.monotonic() < end:
                transaction(db, n + 1)
                n += 1
                file.write(f"{n} {os.stat(log).st_size if log else 0}\n")
        except (sqlite3.Error, OSError) as error:
            print(f"stopped after {n}: {error}")


def verify(database, acks, limit=None):
    with open(acks) as file:
        lines = [[int(word) for word in line.split()] for line in file]
    acked = max((n for n, size in lines if limit is None or size <= int(limit)), default=0)
    if acked == 0:
        print("nothing was acknowledged by then")
        return
    db = sqlite3.connect(database)
    check = db.execute("PRAGMA integrity_check").fetchall()
    assert check == [("ok",)], check
    count, last = db.execute("SELECT count(*), max(n) FROM done").fetchone()
    assert count == last, f"{count} transactions, the last is {last}"
    assert last >= acked, f"transaction {last} is the last, {acked} was acknowledged"
    total = db.execute("SELECT sum(money) FROM account").fetchone()[0]
    assert total == 100 * ACCOUNTS, f"the sum is {total}"
    print(f"{last} transactions, {acked} of them acknowledged")


if __name__ == "__main__":
    {"run": run, "verify": verify}[sys.argv[1]](*sys.argv[2:])
