"""Asks a real Prometheus for every panel of the dashboards and every alert, while it scrapes the reference service.

Under three scenarios at once, each must have an answer: of alerts, without their condition. What has none is a
wrong name, a label that does not fit, or a family that nothing records. Usage:
python3 ci/ops_live.py target/debug/incident_manager
"""

import contextlib
import json
import pathlib
import re
import signal
import sys
import tempfile
import time

from e2e_lib import Prometheus, check, free_port, running, start_service, stop_service, until

JOB = "incident-manager"
SCENARIOS = ["incident", "llm-outage", "scan"]
# Alerts wait for a minute before they fire, and a busy machine shows what collectors yield a little later.
SECONDS = 150
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: {job}
    static_configs: [{{targets: {targets}}}]
"""
VARIABLES = {
    "$__rate_interval": "20s",
    "$__range": "5m",
    "${namespace}": "",
    "$job": JOB,
    "$instance": ".+",
}
# Where nothing goes wrong, no series says so; the service has no configuration, and pushes nothing; and a container may have no disk to see.
SILENT = """
quipu_alert_threshold quipu_push quipu_collector_errors_total quipu_expired_series_total quipu_left_out_total quipu_record_failures_total quipu_refused_lookups_total
system_disk_bytes
""".split()


def panels():
    """Name and query of everything that dashboards ask for."""
    for path in sorted(pathlib.Path("ops/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"]
                for name, value in VARIABLES.items():
                    query = query.replace(name, value)
                yield f"{path.stem}: {panel['title']} ({target['legendFormat']})", query


def rules(prometheus):
    """Name and query of all rules, as Prometheus has read them."""
    groups = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"]
    check(groups, f"Prometheus has no rules:\n{prometheus.log.read_text()}")
    for rule in (rule for group in groups for rule in group["rules"]):
        check(rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}")
        yield f"rule {rule['name']}", rule["query"]


def without_condition(query):
    query = re.sub(r"\babsent\(", "(", query)
    return re.sub(r"\s(?:>|==)\s[\d.]+", "", query)


def has_data(prometheus, query):
    answer = json.loads(prometheus.get("/api/v1/query", query=query) or '{"error": "no answer"}')
    check(answer.get("status") == "success", f"{query}: {answer.get('error')}")
    return bool(answer["data"]["result"])


def start_prometheus(stack, scratch, targets):
    rules = pathlib.Path("ops/rules").resolve() / "*.yml"
    config = scratch / "prometheus.yml"
    config.write_text(CONFIG.format(rules=rules, job=JOB, targets=json.dumps(targets)))
    prometheus = Prometheus(free_port(), scratch / "prometheus.log")
    address = prometheus.address.removeprefix("http://")
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={scratch}/data", f"--web.listen-address={address}"]
    log = stack.enter_context(prometheus.log.open("w"))
    stack.enter_context(running(command, stdout=log, stderr=log))
    until(20, lambda: prometheus.get("/-/ready"), lambda: f"no Prometheus:\n{prometheus.log.read_text()}")
    return prometheus


def run(stack, binary):
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    services, targets = [], []
    for scenario in SCENARIOS:
        (scratch / scenario).mkdir()
        service, _, _, target = start_service(stack, binary, scratch / scenario, f"--scenario={scenario}", "--traffic=60", "--seed=7")
        services.append(service)
        targets.append(target)
    prometheus = start_prometheus(stack, scratch, targets)
    until(20, lambda: prometheus.query("sum(up)") == {(): len(targets)}, lambda: f"not all are scraped:\n{prometheus.get('/api/v1/targets')}")
    asked = [*panels(), *rules(prometheus)]
    silent = [one for one in asked if any(name in one[1] for name in SILENT)]
    empty = [one for one in asked if one not in silent]
    deadline = time.monotonic() + SECONDS
    while empty and time.monotonic() < deadline:
        time.sleep(2)
        empty = [(name, query) for name, query in empty if not has_data(prometheus, without_condition(query))]
    # They are asked as well, for their syntax.
    silent = [name for name, query in silent if not has_data(prometheus, without_condition(query))]
    for service in services:
        stop_service(service)
    lines = "\n".join(f"{name}\n  {query}" for name, query in empty)
    check(not empty, f"{len(empty)} of {len(asked)} queries have no data:\n{lines}")
    print(f"ops: {len(asked) - len(silent)} queries of panels and rules have data; {len(silent)} ask for what did not happen")


def main():
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ops: stopped"))
    with contextlib.ExitStack() as stack:
        run(stack, sys.argv[1])


if __name__ == "__main__":
    main()
