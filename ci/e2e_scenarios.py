"""The reference service at work, under two scenarios at once, while a real Prometheus scrapes it.

Each run has a seed and an end. Then what is exported must equal, to the last count, what the traffic generator says (in
a line of JSON) and what the service's own database says. And every family of METRICS.md must have moved.
"""

import collections
import json
import pathlib
import re
import sqlite3
import tempfile
import time

from e2e_lib import check, difference, start_prometheus, start_service, stop_service

LOAD = ["--seed=7", "--operations=700", "--traffic=100"]
# The second has a fallback without a price.
SCENARIOS = {"incident": [], "llm-outage": ["--models=gpt-4o,llama-3.1-70b"]}
# Dollars for 1,000 tokens of prompts and completions.
PRICES = {"gpt-4o": (0.0025, 0.01), "gpt-4o-mini": (0.00015, 0.0006), "llama-3.1-70b": (0, 0)}

# Nothing of this goes wrong here.
STILL = {"http_responses_incomplete_total"}
# What is under way, of which nothing is in the end.
GAUGES = """
http_requests_in_flight http_connections_active grpc_streams_active grpc_connections_active llm_requests_in_flight
jobs_active jobs_queue_depth jobs_queue_oldest_item_age_seconds notification_queue_size playbook_executions_active
""".split()
# What is over so soon that a scrape need not meet it.
BRIEF = set("""
http_requests_in_flight jobs_queue_depth jobs_queue_oldest_item_age_seconds notification_queue_size playbook_executions_active
database_connections_active tokio_global_queue_depth
""".split())


def check_families(prometheus):
    """Every family that METRICS.md names is there, and has moved under one scenario at least."""
    named = 'label_replace({scenario!="", __name__!~".*_bucket"}, "is", "$1", "__name__", "(.+)")'
    most = prometheus.query(f"max by (is) (max_over_time({named}[2m:1s]))", "is")
    page = dict(re.findall(r"^## `(\w+)`\n\n(\w+)", pathlib.Path("METRICS.md").read_text(), re.MULTILINE))
    check(len(page) > 80, f"METRICS.md names {len(page)} families only")
    if not re.search("^/dev/", pathlib.Path("/proc/mounts").read_text(), re.MULTILINE):
        # A container that sees no disk.
        del page["system_disk_bytes"]
    series = {family: f"{family}_count" if kind == "Histogram" else family for family, kind in page.items()}
    absent = sorted(family for family, name in series.items() if (name,) not in most)
    still = sorted(family for family, name in series.items() if not most.get((name,)) and family not in BRIEF | STILL)
    check(not absent and not still, f"families without data: {absent}; that have not moved: {still}")
    opened = prometheus.number('max_over_time(llm_circuit_breaker_state{scenario="llm-outage",model="gpt-4o"}[5m])')
    check(opened >= 1, "the breaker of the model that is down never opened")


class Books:
    """What a database says."""

    def __init__(self, connection):
        self.connection = connection

    def number(self, query):
        return self.connection.execute(query).fetchone()[0]

    def counts(self, query):
        """Rows of labels and a number, without those that are zero."""
        return {tuple(row[:-1]): row[-1] for row in self.connection.execute(query) if row[-1]}


class Since:
    """What has come into the books since they were as `before`."""

    def __init__(self, books, before):
        self.books, self.before = books, before

    def counts(self, query):
        before = self.before.counts(query) if self.before else {}
        grown = {key: count - before.get(key, 0) for key, count in self.books.counts(query).items()}
        return {key: count for key, count in grown.items() if count}

    def outcomes(self, what):
        return self.counts(f"SELECT name, outcome, count FROM outcomes WHERE what = '{what}'")


def wanted_of_database(books, before=None):
    """Pairs of an expression with its labels, and what it must say of a service that was started when the books were as `before`."""
    new = Since(books, before)
    kind = "severity, source, category"
    kinds = tuple(kind.split(", "))
    found = "FROM incidents JOIN findings ON incident_id = id WHERE"
    jobs = new.outcomes("job")
    by_type = lambda status: {(name,): count for (name, outcome), count in jobs.items() if outcome == status}
    usage = new.counts("SELECT provider, model, operation, status, calls FROM llm_usage")
    tokens = new.counts(
        "SELECT model, 'prompt', sum(prompt_tokens) FROM llm_usage GROUP BY model"
        " UNION SELECT model, 'completion', sum(completion_tokens) FROM llm_usage GROUP BY model"
    )
    dollars = collections.Counter()
    for (model, token_type), count in tokens.items():
        dollars[model,] += count * PRICES[model][token_type == "completion"] / 1000
    yield "incidents_total", kinds, new.counts(f"SELECT {kind}, count FROM created")
    yield "incidents_total", kinds, new.counts(f"SELECT {kind}, count(*) FROM incidents GROUP BY {kind}")
    yield "incidents_active", kinds, books.counts(f"SELECT {kind}, sum(resolved_at IS NULL) FROM incidents GROUP BY {kind}")
    yield "incidents_resolved_total", kinds, new.counts(f"SELECT {kind}, count(resolved_at) FROM incidents GROUP BY {kind}")
    yield "incident_state_transitions_total", ("from_state", "to_state"), new.counts("SELECT * FROM transitions")
    for family, column in [("deduplicated", "duplicate_of"), ("correlated", "correlated_with")]:
        counts = new.counts(f"SELECT source, count(*) {found} {column} IS NOT NULL GROUP BY source")
        yield f"incidents_{family}_total", ("source",), counts
    levels = {(name,): count for (name, _), count in new.outcomes("escalation").items()}
    yield "incidents_escalated_total", ("level",), levels
    yield "jobs_total", ("job_type", "status"), jobs
    yield "jobs_duration_seconds_count", ("job_type",), new.counts(
        "SELECT name, sum(count) FROM outcomes WHERE what = 'job' GROUP BY name"
    )
    yield "jobs_retries_total", ("job_type",), by_type("retry")
    yield "sum by (job_type) (jobs_failures_total)", ("job_type",), by_type("failure")
    # Each attempt takes its job out of a queue.
    taken = sum(jobs.values())
    yield "sum(queue_items_processed_total)", (), {(): taken} if taken else {}
    yield "notifications_total", ("channel", "status"), new.outcomes("notification")
    yield "playbook_executions_total", ("playbook", "status"), new.outcomes("playbook")
    yield "llm_requests_total", ("provider", "model", "operation", "status"), usage
    yield "llm_tokens_total", ("model", "token_type"), tokens
    yield "llm_cost_dollars_total", ("model",), {model: cost for model, cost in dollars.items() if cost}


def wanted_of_traffic(summary):
    http = {tuple(labels): count for *labels, count in summary["http"]}
    grpc = {tuple(labels): count for *labels, count in summary["grpc"]}
    statuses = collections.Counter()
    for (_, _, status), count in http.items():
        statuses[status,] += count
    route = ("method", "path", "status")
    yield "http_requests_total", route, http
    yield "http_request_duration_seconds_count", route, http
    yield "sum by (status) (tenant_requests_total)", ("status",), statuses
    yield "grpc_requests_total", ("method", "status"), grpc
    yield "grpc_request_duration_seconds_count", ("method", "status"), grpc


def is_same(found, wanted):
    """Dollars are sums of floats, whose order is not known."""
    close = lambda one, other: abs(one - other) <= 1e-9 * abs(other)
    return found.keys() == wanted.keys() and all(close(found[key], wanted[key]) for key in wanted)


def compare(prometheus, scenario, wanted):
    """How many series each expression has, all of which are as wanted."""
    numbers = collections.Counter()
    for expression, labels, counts in wanted:
        inner = expression.removesuffix(")")
        selected = f'{inner}{{scenario="{scenario}"}}{")" if inner != expression else ""}'
        found = prometheus.query(f"{selected} > 0", *labels)
        check(is_same(found, counts), f"{scenario}: {expression}:\n{difference(found, counts)}")
        numbers[expression] = len(counts)
    return numbers


def read_summary(service):
    for line in service.stdout:
        if line.startswith("summary "):
            return json.loads(line.removeprefix("summary "))
    check(False, "the service ended before its traffic did")


def run_scenarios(stack, binary):
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    services, targets = {}, {}
    for scenario, flags in SCENARIOS.items():
        (scratch / scenario).mkdir()
        service, _, _, target = start_service(stack, binary, scratch / scenario, f"--scenario={scenario}", *LOAD, *flags)
        services[scenario] = service
        targets[target] = {"scenario": scenario}
    prometheus = start_prometheus(stack, scratch, targets)
    summaries = {scenario: read_summary(service) for scenario, service in services.items()}
    # A connection's end reaches the service a moment after the client's close.
    time.sleep(0.5)
    prometheus.wait_for_scrape()
    check_families(prometheus)
    numbers = collections.Counter()
    for scenario, summary in summaries.items():
        check(summary["failed"] == 0, f"{scenario}: {summary['failed']} requests had no answer")
        books = Books(sqlite3.connect(scratch / scenario / "incidents.sqlite"))
        for wanted in (wanted_of_traffic(summary), wanted_of_database(books)):
            numbers.update(compare(prometheus, scenario, wanted))
        for gauge in GAUGES:
            left = prometheus.number(f'max({gauge}{{scenario="{scenario}"}})')
            check(left == 0, f"{scenario}: {gauge} came back to {left}, not to zero")
    unproven = [expression for expression, number in numbers.items() if not number]
    check(not unproven, f"under no scenario was anything to count for {unproven}")
    for service in services.values():
        stop_service(service)
    print(f"e2e: {numbers.total()} series under {len(services)} scenarios, each as the traffic and the database have it")
