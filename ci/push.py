"""A batch job pushes to a real Pushgateway, and a real Prometheus scrapes that; the values are compared with what the job saw.

Usage: python3 ci/push.py target/debug/examples/batch
"""

import contextlib
import os
import pathlib
import signal
import socket
import ssl
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

    def is_listening(self):
        with contextlib.suppress(OSError), socket.create_connection(self.address.split(":"), timeout=1):
            return True


def start_gateway(stack, scratch, *flags):
    gateway = Gateway(free_port())
    # Debian's keeps what is pushed, unless it is told not to.
    command = ["prometheus-pushgateway", f"--web.listen-address={gateway.address}", "--persistence.file=", *flags]
    log = scratch / f"pushgateway-{gateway.address}.log"
    file = stack.enter_context(log.open("w"))
    stack.enter_context(running(command, stdout=file, stderr=file))
    until(20, gateway.is_listening, lambda: f"no Pushgateway:\n{log.read_text()}")
    return gateway


class Job:
    def __init__(self, binary, gateway, folder):
        self.binary, self.url, self.folder, self.environment = binary, gateway.url, folder, dict(os.environ)

    def run(self, method, *labels):
        """What the job says on its standard error."""
        command = [self.binary, method, self.url, self.folder, *labels]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=self.environment)
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


def compare_tls(stack, scratch, binary, folder):
    """A gateway with TLS is pushed to if its certificate is trusted, and is the one of its address."""
    certificate, key, config = (scratch / name for name in ("certificate.pem", "key.pem", "web.yml"))
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=ci"]
    usage = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*make, *usage, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    config.write_text(f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n")
    gateway = start_gateway(stack, scratch, f"--web.config.file={config}")
    job = Job(binary, gateway, folder)
    job.url = gateway.url.replace("http", "https")
    complaint = job.run("push")
    check("certificate" in complaint, f"a certificate that nobody trusts: {complaint!r}")
    job.environment["SSL_CERT_FILE"] = str(certificate)
    complaint = job.run("push")
    check(complaint == "", f"a trusted certificate: {complaint!r}")
    context = ssl.create_default_context(cafile=certificate)
    with urllib.request.urlopen(f"{job.url}/metrics", timeout=10, context=context) as response:
        check('batch_files_total{instance="",job="batch",kind="file"}' in response.read().decode(), "nothing came over TLS")
    job.url = job.url.replace("127.0.0.1", "localhost")
    complaint = job.run("push")
    check("not valid for name" in complaint, f"a certificate of another name: {complaint!r}")


def main(binary):
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("push: stopped"))
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
        compare_tls(stack, scratch, binary, folder)
    print(f"push: the values of a Pushgateway are those of the job, with {len(VALUES)} labels that need care")


main(*sys.argv[1:])
