"""Drives the reference service, has a real Prometheus scrape it meanwhile, and compares.

Every request is counted here by method, route and status. At the end Prometheus must answer
with exactly these counts. Another one asks the example for protobuf, a third one scrapes the
service while it works under two scenarios, and a fourth one after it was killed and started again. Usage:
python3 ci/e2e.py target/debug/incident_manager target/debug/examples/protobuf
"""

import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from e2e_grpc import call_as_foreigner, compare_calls
from e2e_lib import check, difference, running, start_prometheus, start_service, stop_service
from e2e_restart import run_restart
from e2e_scenarios import run_scenarios

WORKERS = 4
ROUNDS = 50
INCIDENTS = "/v1/incidents"
ONE = "/v1/incidents/{id}"
ACKNOWLEDGE = ONE + "/acknowledge"
RESOLVE = ONE + "/resolve"


class Client:
    """One kept connection, and the count of what was sent over it."""

    def __init__(self, api, number):
        self.connection = http.client.HTTPConnection(api, timeout=10)
        self.requests = collections.Counter()
        # Every request is one of another tenant.
        self.tenants = (f"tenant-{number}-{n}" for n in itertools.count())
        self.created = collections.Counter()
        self.resolved = collections.Counter()

    def send(self, method, route, wanted, path=None, body=None):
        if isinstance(body, dict):
            body = json.dumps(body)
        headers = {"x-tenant": next(self.tenants)}
        if body is not None:
            headers["content-type"] = "application/json"
        self.connection.request(method, path or route, body, headers)
        response = self.connection.getresponse()
        answer = response.read()
        check(response.status == wanted, f"{method} {path or route}: {response.status}, {answer[:200]}")
        self.requests[method, route, str(wanted)] += 1
        return answer

    def round(self, n):
        kind = (
            f"P{3 + n % 2}",  # no playbook touches these
            ["llm-sentinel", "llm-shield", "llm-edge-agent", "llm-governance-core", "other"][n % 5],
            ["performance", "security", "availability", "compliance", "cost"][n // 5 % 5],
        )
        body = dict(zip(("severity", "source", "category"), kind), title=f'incident "{n}"\n\\')
        incident = json.loads(self.send("POST", INCIDENTS, 201, body=body))
        self.created[kind] += 1
        path = f"{INCIDENTS}/{incident['id']}"
        self.send("GET", INCIDENTS, 200, f"{INCIDENTS}?limit=5")
        self.send("HEAD", ONE, 200, path)
        self.send("GET", ONE, 200, path)
        self.send("POST", ACKNOWLEDGE, 200, f"{path}/acknowledge")
        if n % 2:
            self.send("POST", RESOLVE, 200, f"{path}/resolve")
            self.send("POST", RESOLVE, 409, f"{path}/resolve")
            self.resolved[kind] += 1
        self.refused(n)
        self.send("GET", "/health", 200)

    def refused(self, n):
        self.send("GET", ONE, 404, f"{INCIDENTS}/999999999")
        self.send("GET", ONE, 400, f"{INCIDENTS}/x{n}")
        self.send("GET", INCIDENTS, 400, f"{INCIDENTS}?limit=0")
        self.send("POST", INCIDENTS, 400, body="{")
        self.send("POST", INCIDENTS, 422, body={"title": "no kind"})
        self.send("DELETE", ONE, 405, f"{INCIDENTS}/1")
        # Whatever a scanner asks for is one series.
        self.send("GET", "unmatched", 404, f"/scan/{n}/../%00.php?a=%22%0a")
        self.send("POST", "unmatched", 404, f"/scan/{n}")


def drive(api):
    """All workers at once; returns their counts added up."""

    def work(worker):
        client = Client(api, worker)
        for n in range(ROUNDS):
            client.round(worker * ROUNDS + n)
            time.sleep(0.1)
        client.connection.close()
        return client

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        clients = list(pool.map(work, range(WORKERS)))
    total = Client(api, WORKERS)
    for client in clients:
        total.requests += client.requests
        total.created += client.created
        total.resolved += client.resolved
    return total


def compare(prometheus, sent, another):
    created = sent.created + collections.Counter([another])
    route = ("method", "path", "status")
    kind = ("severity", "source", "category")
    active = created - sent.resolved
    per_route = collections.Counter()
    for (method, path, _), count in sent.requests.items():
        per_route[method, path] += count
    per_status = collections.Counter()
    for (_, _, status), count in sent.requests.items():
        per_status[status,] += count
    per_severity = collections.Counter()
    for (severity, _, _), count in sent.created.items():
        per_severity[severity,] += count
    wanted = [
        ("http_requests_total > 0", route, sent.requests),
        ("http_request_duration_seconds_count", route, sent.requests),
        ('http_request_duration_seconds_bucket{le="+Inf"}', route, sent.requests),
        ("sum by (status) (tenant_requests_total)", ("status",), per_status),
        ("http_request_size_bytes_count", route[:2], per_route),
        ("http_response_size_bytes_count", route[:2], per_route),
        ("incidents_total > 0", kind, created),
        ("incidents_resolved_total > 0", kind, sent.resolved),
        ("incidents_active > 0", kind, active),
        ("incident_acknowledgment_duration_seconds_count > 0", ("severity",), per_severity),
    ]
    for expression, labels, counts in wanted:
        found = prometheus.query(expression, *labels)
        check(found == counts, f"{expression}:\n{difference(found, counts)}")
    check(prometheus.number("max(http_requests_in_flight)") == 0, "requests are still in flight")
    check(prometheus.number("http_connections_active") == 0, "connections are still open")
    tenants = prometheus.number("count(count by (tenant) (tenant_requests_total))")
    check(tenants == 101, f"{tenants} tenants, and not those up to the limit and the overflow")
    check(prometheus.number("count(incidents_total)") == 125, "a known series was not there at zero")
    quantile = "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[30s])))"
    check(0 < prometheus.number(quantile) < 10, "no 95th percentile")


def check_scrapes(prometheus, metrics):
    scrapes = prometheus.number("count_over_time(up[5m])")
    check(scrapes > 5, f"only {scrapes} scrapes")
    check(prometheus.number("min_over_time(up[5m])") == 1, "the target was down for a while")
    targets = json.loads(prometheus.get("/api/v1/targets"))["data"]["activeTargets"]
    check([target["lastError"] for target in targets] == [""], targets)
    refused = re.findall(r"^(prometheus_target_scrapes\w*(?:sample|exceeded)\w*) ([1-9]\d*)$", prometheus.get("/metrics"), re.M)
    check(not refused, refused)
    complaints = [line for line in prometheus.log.read_text().splitlines() if "level=warn" in line or "level=error" in line]
    check(not complaints, complaints)
    lint = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    check(lint.returncode == 0, f"promtool: {lint.stdout}{lint.stderr}")
    samples = [line for line in metrics.splitlines() if not line.startswith("#")]
    scraped = prometheus.number("scrape_samples_scraped")
    check(scraped == len(samples), f"{len(samples)} samples served, {scraped} stored")


def run_protobuf(stack, binary):
    """Every series of an exposition of many messages, of which several have one name, is stored."""
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(running([binary], stdout=subprocess.PIPE, text=True))
    target = re.search(r"127\.0\.0\.1:\d+", server.stdout.readline())[0]
    # With this flag it asks for protobuf, and decodes it.
    prometheus = start_prometheus(stack, scratch, {target: {}}, "--enable-feature=native-histograms")
    region = '{region="eu \\"1\\"\\n"}'
    wanted = {
        f"count(jobs_total{region})": 10_000,
        "sum(jobs_total)": sum(range(10_000)),
        'jobs_total{queue="queue 9999", status="ok"}': 9999,
        "count(job_duration_seconds_bucket)": 3_000,
        'sum(job_duration_seconds_bucket{le="0.1"})': 1_000,
        'sum(job_duration_seconds_bucket{le="1"} or job_duration_seconds_bucket{le="1.0"})': 2_000,
        'sum(job_duration_seconds_bucket{le="+Inf"})': 3_000,
        "sum(job_duration_seconds_count)": 3_000,
        "sum(job_duration_seconds_sum)": 4562.5,
        "temperature_celsius": -1.5,
        # Five samples a histogram, and four about the registry itself.
        "scrape_samples_scraped": 10_000 + 5_000 + 1,
    }
    for expression, number in wanted.items():
        found = prometheus.number(expression)
        check(found == number, f"protobuf: {expression} is {found}, not {number}")
    print("e2e: every series of the protobuf was stored")


def run(stack, binary):
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    scratch = pathlib.Path(directory)
    service, api, grpc, target = start_service(stack, binary, scratch, "--traffic=off")

    prometheus = start_prometheus(stack, scratch, {target: {}})
    calls, kind = call_as_foreigner(grpc)
    sent = drive(api)
    # A connection's end reaches the service a moment after the client's close.
    time.sleep(0.2)
    prometheus.wait_for_scrape()
    compare(prometheus, sent, kind)
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as response:
        metrics = response.read().decode()
    check_scrapes(prometheus, metrics)
    compare_calls(prometheus, calls)

    stop_service(service)
    print(f"e2e: {sent.requests.total()} requests and {calls.total()} gRPC calls, each counted once by Prometheus")


def main():
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("e2e: stopped"))
    service, protobuf = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        run_protobuf(stack, protobuf)
    with contextlib.ExitStack() as stack:
        run(stack, service)
    with contextlib.ExitStack() as stack:
        run_scenarios(stack, service)
    with contextlib.ExitStack() as stack:
        run_restart(stack, service)


if __name__ == "__main__":
    main()
