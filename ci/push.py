"""A batch job pushes to a real Pushgateway, and a real Prometheus scrapes that; the values are compared with what the job saw.

Usage: python3 ci/push.py target/debug/examples/batch
"""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from e2e_lib import check, free_port, running, start_prometheus, until

# Sizes of the files that the job sees.
SIZES = [0, 10, 11, 999, 70_000, 70_001]
BUCKETS = {"10": 2, "1000": 4, "1e+06": 6, "+Inf": 6}

# Values of a grouping label that need care in a path.
VALUES = ["plain", "", "/var/tmp", "/", "a//b", ".", "..", "100%", "%2F", "a b+c", "a?b#c&d=e", "back\\slash", 'quote"', "line\nfeed",
          "Προμηθεύς", "😀", "10.0.0.1:9100", "a;b,c@d"]


class Gateway:
    def __init__(self, port):
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"

    def send(self, method, path, text=""):
        request = urllib.request.Request(self.url + path, text.encode(), method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.send("GET", "/-/ready") == 200


def start_gateway(stack, scratch):
    gateway = Gateway(free_port())
    # Debian's keeps what is pushed, unless it is told not to.
    command = ["prometheus-pushgateway", f"--web.listen-address={gateway.address}", "--persistence.file="]
    log = scratch / "pushgateway.log"
    file = stack.enter_context(log.open("w"))
    stack.enter_context(running(command, stdout=file, stderr=file))
    until(20, gateway.is_ready, lambda: f"no Pushgateway:\n{log.read_text()}")
    return gateway


class Job:
    def __init__(self, binary, gateway, folder):
        self.binary, self.gateway, self.folder = binary, gateway, folder

    def run(self, method, *labels):
        """What the job says on its standard error."""
        command = [self.binary, method, self.gateway.url, self.folder, *labels]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, f"{command}: {done.returncode}, {done.stderr}")
        return done.stderr


def compare_values(prometheus, job):
    """Everything that the job has recorded, in Prometheus, under the labels of its group."""
    check(job.run("push", "instance=a") == "", "a push failed")
    prometheus.wait_for_scrape()
    group = 'job="batch",instance="a"'
    files = prometheus.query(f"batch_files_total{{{group}}}", "kind")
    check(files == {("file",): len(SIZES), ("other",): 1}, f"files: {files}")
    buckets = prometheus.query(f"batch_file_size_bytes_bucket{{{group}}}", "le")
    check(buckets == {(bound,): count for bound, count in BUCKETS.items()}, f"buckets: {buckets}")
    for part, wanted in ("count", len(SIZES)), ("sum", sum(SIZES)):
        found = prometheus.number(f"batch_file_size_bytes_{part}{{{group}}}")
        check(found == wanted, f"{part}: {found}, not {wanted}")
    check(prometheus.number(f"push_failure_time_seconds{{{group}}}") == 0, "the gateway has seen a failure")
    pushed, known = (prometheus.number(f"{name}{{{group}}}") for name in ("push_time_seconds", "batch_last_success_timestamp_seconds"))
    check(0 <= pushed - known < 60, f"the job ended at {known}, and was pushed at {pushed}")


def compare_methods(prometheus, gateway, job):
    """PUT replaces a group, POST keeps what has another name, and DELETE removes it; other groups stay."""
    names = lambda: set(prometheus.query('count by (__name__) ({job="batch",instance="b",__name__!~"push_.*"})', "__name__"))
    scraped = lambda: (prometheus.wait_for_scrape(), names())[1]
    gateway.send("PUT", "/metrics/job/batch/instance/b", "foreign 1\n")
    check(scraped() == {("foreign",)}, f"before: {names()}")
    job.run("add", "instance=b")
    both = scraped()
    check({("foreign",), ("batch_files_total",)} < both, f"after POST: {both}")
    job.run("push", "instance=b")
    check(scraped() == both - {("foreign",)}, f"after PUT: {names()}")
    job.run("delete", "instance=b")
    check(scraped() == set(), f"after DELETE: {names()}")
    check(prometheus.query('batch_files_total{instance="a"}', "kind"), "another group was deleted")


def compare_labels(prometheus, job):
    for value in VALUES:
        check(job.run("push", f"text={value}") == "", f"{value!r}: a push failed")
    prometheus.wait_for_scrape()
    found = {value for (value,) in prometheus.query('batch_files_total{kind="other",instance=""}', "text")}
    check(found == set(VALUES), f"labels: {found ^ set(VALUES)}")
    for value in VALUES:
        job.run("delete", f"text={value}")
    prometheus.wait_for_scrape()
    left = prometheus.query('batch_files_total{instance=""}', "text", "kind")
    check(not left, f"not deleted: {left}")


def compare_refusal(gateway, job):
    """What the gateway says of a push that it refuses is in the error."""
    job.run("delete", "instance=a")
    gateway.send("PUT", "/metrics/job/other", "# TYPE batch_files_total gauge\nbatch_files_total 1\n")
    complaint = job.run("push", "instance=c")
    for part in ("answered 400", "batch_files_total", f"{gateway.url}/metrics/job/batch/instance/c"):
        check(part in complaint, f"{part!r} is not in {complaint!r}")
    gateway.send("DELETE", "/metrics/job/other")


def main(binary):
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = scratch / "folder"
        (folder / "inner").mkdir(parents=True)
        for number, size in enumerate(SIZES):
            (folder / str(number)).write_bytes(bytes(size))
        gateway = start_gateway(stack, scratch)
        prometheus = start_prometheus(stack, scratch, {gateway.address: {}}, honor_labels=True)
        job = Job(binary, gateway, folder)
        compare_values(prometheus, job)
        compare_methods(prometheus, gateway, job)
        compare_labels(prometheus, job)
        compare_refusal(gateway, job)
    print(f"push: the values of a Pushgateway are those of the job, with {len(VALUES)} labels that need care")


main(*sys.argv[1:])
