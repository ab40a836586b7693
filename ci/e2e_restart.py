"""The reference service is killed at work, and started again: it does what it had not done, and counts nothing twice.

The second run starts its metrics at zero. So they must equal, to the last count, what has come into the database since.
"""

import pathlib
import sqlite3
import tempfile
import time
from contextlib import closing

from e2e_lib import check, start_prometheus, start_service, stop_service, until
from e2e_scenarios import Books, compare, wanted_of_database

# The helpers are slow, so that much is left to do.
LOAD = ["--scenario=incident", "--seed=7", "--traffic=200"]
UNDONE = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM incidents WHERE state = 'RESOLVED')"


def copy(file):
    """What the database says now, in memory."""
    books = sqlite3.connect(":memory:")
    with sqlite3.connect(file) as source:
        source.backup(books)
    return books


def run_restart(stack, binary):
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    file = scratch / "incidents.sqlite"
    killed, *_ = start_service(stack, binary, scratch, *LOAD)
    with closing(sqlite3.connect(file)) as live:
        jobs = lambda: Books(live).number("SELECT count(*) FROM jobs")
        until(60, lambda: jobs() > 40, lambda: f"only {jobs()} jobs wait")
    killed.kill()
    killed.wait()
    before = Books(copy(file))
    left = before.number("SELECT count(*) FROM jobs")
    check(left > 20, f"only {left} jobs were left by the service that was killed")

    service, _, _, target = start_service(stack, binary, scratch, "--traffic=off")
    prometheus = start_prometheus(stack, scratch, {target: {"scenario": "restart"}})
    live = Books(sqlite3.connect(file))
    until(60, lambda: live.number(UNDONE) == 0, lambda: f"still undone: {live.number(UNDONE)}")
    # What ends a job is counted a moment after it was written.
    time.sleep(0.5)
    prometheus.wait_for_scrape()
    after = Books(copy(file))
    numbers = compare(prometheus, "restart", wanted_of_database(after, before))
    stop_service(service)

    created = after.number("SELECT sum(count) FROM created")
    first = "SELECT sum(count) FROM outcomes WHERE what = 'job' AND name = 'deduplication' AND outcome <> 'retry'"
    check(after.number(first) == created, f"of {created} incidents {after.number(first)} had their first job, in both runs")
    print(f"e2e: {left} jobs outlived their service; {numbers.total()} series have what was done since, and nothing twice")
