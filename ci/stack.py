"""The set of deploy/ on this machine without containers: service, Prometheus, Alertmanager, and a receiver that prints.

The configuration is that of deploy/ and ops/; only addresses and, with --speed, durations are others. Usage:
python3 ci/stack.py BINARY [OPTION...]           until Ctrl-C; the service gets the options, such as --scenario=llm-outage
python3 ci/stack.py BINARY --check [--speed N]   which alerts arrive, and which do not
"""

import argparse
import contextlib
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

from e2e_lib import Prometheus, check, free_port, running, start_service, stop_service, until

DEPLOY = pathlib.Path("deploy")
CONFIG = DEPLOY / "config/metrics.toml"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# In each place where a duration stands in these files: of a rule, of a range, of a pause.
DURATION = re.compile(r"(?m)(^\s*(?:for|keep_firing_for|interval|\w+_interval|\w+_wait|\w+_timeout): |\[)(\d+)([smhd])(?=$|\])")


def scaled(text, speed):
    """With all durations so much shorter; none below a second."""
    seconds = lambda found: max(1, round(int(found[2]) * SECONDS[found[3]] / speed))
    return DURATION.sub(lambda found: f"{found[1]}{seconds(found)}s", text) if speed != 1 else text


class Stack:
    """All of it, on ports that are free."""

    def __init__(self, exits, binary, speed, *options):
        self.exits, self.speed = exits, speed
        self.scratch = pathlib.Path(exits.enter_context(tempfile.TemporaryDirectory()))
        self.receiver, self.alertmanager, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self.prometheus = Prometheus(prometheus.rpartition(":")[2], self.scratch / "prometheus.log")
        self.started = time.monotonic()
        self.start_receiver()
        self.start_alertmanager()
        self.service, self.api, _, self.metrics = start_service(exits, binary, self.scratch, f"--config={CONFIG}", *options)
        # Its last lines have to go somewhere.
        threading.Thread(target=self.service.stdout.read, daemon=True).start()
        self.start_prometheus(prometheus)

    def start_receiver(self):
        arrived = self.exits.enter_context((self.scratch / "arrived").open("w"))
        command = [sys.executable, DEPLOY / "receiver.py", self.receiver]
        self.exits.enter_context(running(command, stdout=arrived))

    def start_alertmanager(self):
        text = (DEPLOY / "alertmanager/alertmanager.yml").read_text().replace("receiver:9095", self.receiver)
        (self.scratch / "alertmanager.yml").write_text(scaled(text, self.speed))
        self.start(
            "prometheus-alertmanager",
            f"--config.file={self.scratch}/alertmanager.yml",
            f"--storage.path={self.scratch}/alertmanager",
            f"--web.listen-address={self.alertmanager}",
            "--cluster.listen-address=",
        )

    def start_prometheus(self, address):
        (self.scratch / "rules").mkdir()
        for rules in pathlib.Path("ops/rules").glob("*.yml"):
            (self.scratch / "rules" / rules.name).write_text(scaled(rules.read_text(), self.speed))
        text = (DEPLOY / "prometheus/prometheus.yml").read_text()
        for there, here in [
            ("localhost:9090", address),
            ("incident-manager:9090", self.metrics),
            ("alertmanager:9093", self.alertmanager),
            ("/etc/prometheus/rules", f"{self.scratch}/rules"),
        ]:
            check(there in text, f"deploy/prometheus/prometheus.yml has no {there}")
            text = text.replace(there, here)
        (self.scratch / "prometheus.yml").write_text(scaled(text, self.speed))
        self.start(
            "prometheus",
            f"--config.file={self.scratch}/prometheus.yml",
            f"--storage.tsdb.path={self.scratch}/data",
            f"--web.listen-address={address}",
            # When it tells Alertmanager again.
            f"--rules.alert.resend-delay={max(1, round(60 / self.speed))}s",
        )
        log, alertmanager = self.prometheus.log, self.scratch / "prometheus-alertmanager.log"
        until(30, lambda: self.prometheus.get("/-/ready"), lambda: f"no Prometheus:\n{log.read_text()}")
        until(60, lambda: self.prometheus.query("count(up == 1) == count(up) == 3"), lambda: f"not all targets are up:\n{alertmanager.read_text()}")

    def start(self, program, *flags):
        log = self.exits.enter_context((self.scratch / f"{program}.log").open("w"))
        self.exits.enter_context(running([program, *flags], stdout=log, stderr=log))

    def arrived(self):
        """Pairs of receiver and alert that are firing, in the order in which they came."""
        lines = (line.split(" ", 3) for line in (self.scratch / "arrived").read_text().splitlines())
        return list(dict.fromkeys((receiver, name) for receiver, status, name, _ in lines if status == "firing"))

    def wait_for(self, seconds, wanted):
        until(seconds / self.speed + 10, lambda: wanted <= set(self.arrived()), lambda: f"{wanted} did not arrive, but {self.arrived()}: {self.firing()}")

    def firing(self):
        return self.prometheus.query("ALERTS", "alertname", "alertstate")


WATCHDOG = ("watchdog", "Watchdog")


def check_calm(stack):
    """Five minutes without an alert; then the service ends, which somebody has to hear."""
    stack.wait_for(120, {WATCHDOG})
    time.sleep(300 / stack.speed)
    check(stack.arrived() == [WATCHDOG], f"it was calm, and these arrived: {stack.arrived()}: {stack.firing()}")
    stop_service(stack.service)
    stack.wait_for(420, {("page", "IncidentManagerDown")})
    check(set(stack.arrived()) == {WATCHDOG, ("page", "IncidentManagerDown")}, f"only one had a reason: {stack.arrived()}")


def check_outage(stack):
    """The first model is down, which can wait for the morning, as another one answers."""
    wanted = {("ticket", "LLMCircuitBreakerOpen")}
    stack.wait_for(720, wanted)
    # Once the breaker is open few calls fail, so this one is near its threshold, on either side.
    others = set(stack.arrived()) - {WATCHDOG, *wanted, ("ticket", "LLMHighErrorRate")}
    check(not others, f"these had no reason: {others}: {stack.firing()}")


def check_healthcheck(stack):
    """That of the image."""
    host, _, port = stack.api.partition(":")
    asked = lambda *where: subprocess.run([DEPLOY / "healthcheck", *where], stderr=subprocess.DEVNULL, timeout=5).returncode
    until(10, lambda: asked(host, port, "/health") == 0, "healthcheck: the service is healthy")
    check(asked(host, port, "/nothing") != 0 and asked(host, str(free_port()), "/health") != 0, "healthcheck: it is not")


def check_options(binary):
    """What the image and the cluster start is what the service understands, with its configuration."""
    entrypoint = re.search(r'(?m)^ENTRYPOINT \["incident_manager", (.*)\]$', (DEPLOY / "Dockerfile").read_text())[1]
    pod = re.search(r"(?m)^\s*args: \[(.*)\]$", (DEPLOY / "kubernetes/incident-manager.yml").read_text())[1]
    options = [word for text in (entrypoint, pod) for word in shlex.split(text.replace(",", " "))]
    options = [f"--config={CONFIG}" if word.startswith("--config=") else word for word in options]
    answer = subprocess.run([binary, *options, "--check"], capture_output=True, text=True)
    check(answer.returncode == 0, f"{options}: {answer.stderr}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--speed", type=float, default=1)
    arguments, options = parser.parse_known_args()
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stack: stopped"))
    with contextlib.ExitStack() as exits:
        if not arguments.check:
            stack = Stack(exits, arguments.binary, arguments.speed, *options)
            print(f"service http://{stack.api}, metrics http://{stack.metrics}/metrics")
            print(f"Prometheus {stack.prometheus.address}, Alertmanager http://{stack.alertmanager}; alerts that arrive:", flush=True)
            exits.enter_context(contextlib.suppress(KeyboardInterrupt))
            subprocess.run(["tail", "--follow", "--lines=+1", stack.scratch / "arrived"])
            return
        check_options(arguments.binary)
        calm = Stack(exits, arguments.binary, arguments.speed, "--scenario=calm", "--seed=7")
        outage = Stack(exits, arguments.binary, arguments.speed, "--scenario=llm-outage", "--seed=7")
        check_healthcheck(calm)
        check_calm(calm)
        check_outage(outage)
        for name, stack in [("calm", calm), ("llm-outage", outage)]:
            print(f"{name}: {', '.join(f'{alert} at {receiver}' for receiver, alert in stack.arrived())}")


main()
