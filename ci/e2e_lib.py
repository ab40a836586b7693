"""What the end-to-end checks share: processes, and a real Prometheus."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: e2e
    honor_labels: {honor_labels}
    static_configs: {targets}
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
        """Until of each target a scrape that began after this call was stored."""
        now = time.time()
        begun = lambda: self.query(f"count(timestamp(up) > {now}) == count(up)")
        until(10, begun, "no scrape for 10 s")


def difference(found, wanted):
    keys = sorted(found.keys() | wanted.keys())
    lines = [f"{key}: {found.get(key)}, not {wanted.get(key)}" for key in keys if found.get(key) != wanted.get(key)]
    return "\n".join(lines)


def start_prometheus(stack, scratch, targets, *flags, honor_labels=False, rules=()):
    """One that scrapes these targets, each with the labels that it gets, and evaluates these files every second, and has done so once."""
    targets = json.dumps([{"targets": [target], "labels": labels} for target, labels in targets.items()])
    (scratch / "prometheus.yml").write_text(CONFIG.format(targets=targets, honor_labels=json.dumps(honor_labels), rules=json.dumps(rules)))
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
    until(10, lambda: prometheus.query("count(up == 1) == count(up)"), lambda: f"no first scrape:\n{prometheus.get('/api/v1/targets')}")
    return prometheus


def start_service(stack, binary, scratch, *flags):
    """The reference service on ports of its own; and the addresses of its APIs and its scrape server."""
    ports = [f"--{port}=127.0.0.1:0" for port in ("api", "grpc", "metrics")]
    command = [binary, *ports, f"--database={scratch}/incidents.sqlite", *flags]
    service = stack.enter_context(running(command, stdout=subprocess.PIPE, text=True))
    addresses = (re.search(r"127\.0\.0\.1:\d+", service.stdout.readline())[0] for _ in range(3))
    return service, *addresses


def stop_service(service):
    service.send_signal(signal.SIGTERM)
    code = service.wait(timeout=10)
    check(code == 0, f"exit code {code} after SIGTERM")
