"""Drives the reference service, has a real Prometheus scrape it meanwhile, and compares.

Every request is counted here by method, route and status. At the end Prometheus must answer
with exactly these counts. Another one asks the example for protobuf. Usage:
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
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

WORKERS = 4
ROUNDS = 50
INCIDENTS = "/v1/incidents"
ONE = "/v1/incidents/{id}"
ACKNOWLEDGE = ONE + "/acknowledge"
RESOLVE = ONE + "/resolve"

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: e2e
    static_configs: [{{targets: ['{target}']}}]
"""


def check(holds, complaint):
    if not holds:
        raise SystemExit(f"e2e: {complaint}")


def until(seconds, probe, complaint):
    """Calls probe until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        check(time.monotonic() < deadline, complaint() if callable(complaint) else complaint)
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


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
            f"P{n % 5}",
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


class Prometheus:
    def __init__(self, port, log):
        self.address, self.log = f"http://127.0.0.1:{port}", log

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.address}{path}?{query}", timeout=10) as response:
                return response.read().decode()
        except urllib.error.URLError:
            return ""

    def query(self, expression, *labels):
        """Values of an instant query, by these labels."""
        answer = json.loads(self.get("/api/v1/query", query=expression))
        series = answer["data"]["result"]
        by = [tuple(one["metric"].get(label, "") for label in labels) for one in series]
        check(len(set(by)) == len(by), f"{expression}: series that differ by other labels: {series}")
        return {key: float(one["value"][1]) for key, one in zip(by, series)}

    def number(self, expression):
        found = self.query(expression)
        check(len(found) == 1, f"{expression}: {found}")
        return found[()]

    def wait_for_scrape(self):
        """Until a scrape that began after this call was stored."""
        now = time.time()
        begun = lambda: self.query(f"timestamp(up) > {now}")
        until(10, begun, "no scrape for 10 s")


def difference(found, wanted):
    keys = sorted(found.keys() | wanted.keys())
    lines = [f"{key}: {found.get(key)}, not {wanted.get(key)}" for key in keys if found.get(key) != wanted.get(key)]
    return "\n".join(lines)


def compare(prometheus, sent):
    route = ("method", "path", "status")
    kind = ("severity", "source", "category")
    active = sent.created - sent.resolved
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
        ("http_requests_total", route, sent.requests),
        ("http_request_duration_seconds_count", route, sent.requests),
        ('http_request_duration_seconds_bucket{le="+Inf"}', route, sent.requests),
        ("sum by (status) (tenant_requests_total)", ("status",), per_status),
        ("http_request_size_bytes_count", route[:2], per_route),
        ("http_response_size_bytes_count", route[:2], per_route),
        ("incidents_total > 0", kind, sent.created),
        ("incidents_resolved_total > 0", kind, sent.resolved),
        ("incidents_active > 0", kind, active),
        ("incident_acknowledgment_duration_seconds_count", ("severity",), per_severity),
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


def start_prometheus(stack, scratch, target, *flags):
    """One that scrapes the target every second, and has done so once."""
    (scratch / "prometheus.yml").write_text(CONFIG.format(target=target))
    prometheus = Prometheus(free_port(), scratch / "prometheus.log")
    command = [
        "prometheus",
        f"--config.file={scratch}/prometheus.yml",
        f"--storage.tsdb.path={scratch}/data",
        f"--web.listen-address={prometheus.address.removeprefix('http://')}",
        *flags,
    ]
    log = stack.enter_context(prometheus.log.open("w"))
    stack.enter_context(running(command, stdout=log, stderr=log))
    until(20, lambda: prometheus.get("/-/ready"), lambda: f"no Prometheus:\n{prometheus.log.read_text()}")
    until(10, lambda: prometheus.query("up == 1"), lambda: f"no first scrape:\n{prometheus.get('/api/v1/targets')}")
    return prometheus


def run_protobuf(stack, binary):
    """Every series of an exposition of many messages, of which several have one name, is stored."""
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(running([binary], stdout=subprocess.PIPE, text=True))
    target = re.search(r"127\.0\.0\.1:\d+", server.stdout.readline())[0]
    # With this flag it asks for protobuf, and decodes it.
    prometheus = start_prometheus(stack, scratch, target, "--enable-feature=native-histograms")
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
    flags = ["--api=127.0.0.1:0", "--metrics=127.0.0.1:0", f"--database={scratch}/incidents.sqlite", "--traffic=off"]
    service = stack.enter_context(running([binary, *flags], stdout=subprocess.PIPE, text=True))
    api, target = (re.search(r"127\.0\.0\.1:\d+", service.stdout.readline())[0] for _ in range(2))

    prometheus = start_prometheus(stack, scratch, target)
    sent = drive(api)
    # A connection's end reaches the service a moment after the client's close.
    time.sleep(0.2)
    prometheus.wait_for_scrape()
    compare(prometheus, sent)
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as response:
        metrics = response.read().decode()
    check_scrapes(prometheus, metrics)

    service.send_signal(signal.SIGTERM)
    code = service.wait(timeout=10)
    check(code == 0, f"exit code {code} after SIGTERM")
    print(f"e2e: {sent.requests.total()} requests, each counted once by Prometheus")


def main():
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("e2e: stopped"))
    service, protobuf = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        run_protobuf(stack, protobuf)
    with contextlib.ExitStack() as stack:
        run(stack, service)


if __name__ == "__main__":
    main()
