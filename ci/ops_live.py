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

from e2e_lib import check, start_prometheus, start_service, stop_service, until

JOB = "incident-manager"
SCENARIOS = ["incident", "llm-outage", "scan"]
# Alerts wait for a minute before they fire, and a busy machine shows what collectors yield a little later.
SECONDS = 150
VARIABLES = {
    "$__rate_interval": "20s",
    "$__range": "5m",
    "${namespace}": "",
    "$job": JOB,
    "$instance": ".+",
}
# What need not be there, and why.
SILENT = {
    "quipu_alert_threshold": "the service has no configuration",
    "quipu_push": "it pushes nothing",
    "quipu_collector_errors_total": "no collector fails",
    "quipu_expired_series_total": "no family expires",
    "quipu_left_out_total": "it has one registry",
    "quipu_record_failures_total": "no instrumentation fails",
    "quipu_refused_lookups_total": "there is memory",
    "system_disk_bytes": "a container may have no disk to see",
}


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
    # What is said in place of no data, and what has an alert of its own.
    query = query.removesuffix(" or vector(0)").partition("\nunless on ")[0]
    return re.sub(r"\s(?:>|==)\s[\d.]+", "", query)


def has_data(prometheus, query):
    answer = json.loads(prometheus.get("/api/v1/query", query=query) or '{"error": "no answer"}')
    check(answer.get("status") == "success", f"{query}: {answer.get('error')}")
    return bool(answer["data"]["result"])


def run(stack, binary):
    scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    services, targets = [], []
    for scenario in SCENARIOS:
        (scratch / scenario).mkdir()
        service, _, _, target = start_service(stack, binary, scratch / scenario, f"--scenario={scenario}", "--traffic=60", "--seed=7")
        services.append(service)
        targets.append(target)
    files = [str(path.resolve()) for path in pathlib.Path("ops/rules").glob("*.yml")]
    prometheus = start_prometheus(stack, scratch, {target: {"job": JOB} for target in targets}, rules=files)
    until(20, lambda: prometheus.query("sum(up)") == {(): len(targets)}, lambda: f"not all are scraped:\n{prometheus.get('/api/v1/targets')}")
    asked = [*panels(), *rules(prometheus)]
    silent = [one for one in asked if any(name in one[1] for name in SILENT)]
    unasked = [name for name in SILENT if not any(name in query for _, query in asked)]
    check(not unasked, f"nothing asks for {unasked}, which may be absent")
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
