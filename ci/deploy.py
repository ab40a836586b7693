"""What ties the files of deploy/ together, which no schema sees; and what the judges of Kubernetes are to read.

Usage: python deploy.py SCRATCH KUBERNETES_FILE...
Writes SCRATCH/core/, a file for each kind that kubernetes-validate knows, and SCRATCH/operator.mts, which holds the others.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

import yaml

DEPLOY, OPS = pathlib.Path("deploy"), pathlib.Path("ops")
METRICS = DEPLOY / "config/metrics.toml"
OPERATOR = "monitoring.coreos.com/v1"
complaints = []


def check(holds, complaint):
    if not holds:
        complaints.append(complaint)


def read(path):
    return yaml.safe_load((DEPLOY / path).read_text())


def entrypoint():
    """The service's options in the image, by name."""
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1])
    return dict(word.removeprefix("--").split("=") for word in words[1:])


def metrics_port():
    return tomllib.loads(METRICS.read_text())["metrics"]["listen_address"].rpartition(":")[2]


def check_image():
    text, options = (DEPLOY / "Dockerfile").read_text(), entrypoint()
    ports = {options[name].rpartition(":")[2] for name in ("api", "grpc")} | {metrics_port()}
    check(f"COPY {METRICS} {options['config']}\n" in text, f"Dockerfile: {options['config']} is not {METRICS}")
    exposed = set(re.search(r"^EXPOSE (.*)$", text, re.MULTILINE)[1].split())
    check(exposed == ports, f"Dockerfile: exposes {exposed}, and the service listens on {ports}")
    healthcheck = json.loads(re.search(r"HEALTHCHECK .* CMD (.*)$", text, re.MULTILINE)[1])
    check(healthcheck[2] == options["api"].rpartition(":")[2], f"Dockerfile: {healthcheck} asks another port than the API's")
    check(re.search(r"^VOLUME (.*)$", text, re.MULTILINE)[1] == str(pathlib.Path(options["database"]).parent), "Dockerfile: VOLUME")
    return ports


def check_compose(ports):
    compose = read("compose.yml")
    services = compose["services"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
            check(there, f"compose.yml: {name} mounts {source}, which is not there")
        for port in service.get("ports", []):
            check(port.startswith("127.0.0.1:"), f"compose.yml: {name} publishes {port} beyond this machine")
        for key in ("read_only", "cap_drop", "security_opt", "mem_limit"):
            check(key in service, f"compose.yml: {name} has no {key}")
    service = services["incident-manager"]
    mounted = f"./{METRICS.relative_to(DEPLOY)}:{entrypoint()['config']}:ro"
    check(mounted in service["volumes"], f"compose.yml: does not mount {mounted}")
    published = {port.split(":")[2] for port in service["ports"]}
    check(published == ports, f"compose.yml: publishes {published} of the service's {ports}")
    prometheus, alertmanager = read("prometheus/prometheus.yml"), read("alertmanager/alertmanager.yml")
    static = [job["static_configs"] for job in prometheus["scrape_configs"] + prometheus["alerting"]["alertmanagers"]]
    hosts = [target for configs in static for config in configs for target in config["targets"]]
    hosts += [hook["url"].split("/")[2] for receiver in alertmanager["receivers"] for hook in receiver["webhook_configs"]]
    sources = read("grafana/datasources/prometheus.yml")["datasources"]
    hosts += [source["url"].split("/")[2] for source in sources]
    for host in hosts:
        check(host.split(":")[0] in [*services, "localhost"], f"{host} is no service of compose.yml")
    check(f"incident-manager:{metrics_port()}" in hosts, "prometheus.yml scrapes another port")


def check_pods(documents, ports):
    """Names of ports and labels, by which Kubernetes finds one thing from another."""
    of = lambda kind: next(one for one in documents if one["kind"] == kind)
    pod = of("Deployment")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    names = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    check(set(names.values()) == ports, f"incident-manager.yml: ports {names}, and the service listens on {ports}")
    probes = [container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("readiness", "liveness", "startup")]
    service, monitor = of("Service"), of("ServiceMonitor")
    for port in probes + [port["targetPort"] for port in service["spec"]["ports"]]:
        check(port in names, f"incident-manager.yml: no port {port} in the container")
    for endpoint in monitor["spec"]["endpoints"]:
        names = [port["name"] for port in service["spec"]["ports"]]
        check(endpoint["port"] in names, f"servicemonitor.yml: no port {endpoint['port']} in the Service")
    for where, labels, selector in [
        ("Deployment", pod["metadata"]["labels"], of("Deployment")["spec"]["selector"]["matchLabels"]),
        ("Service", pod["metadata"]["labels"], service["spec"]["selector"]),
        ("ServiceMonitor", service["metadata"]["labels"], monitor["spec"]["selector"]["matchLabels"]),
    ]:
        check(selector.items() <= labels.items(), f"{where}: selects {selector}, and there is {labels}")
    sources = {volume.pop("name"): volume for volume in json.loads(json.dumps(pod["spec"]["volumes"]))}
    mounts = {mount["mountPath"]: sources[mount["name"]] for mount in container["volumeMounts"]}
    folders = {name: str(pathlib.Path(entrypoint()[name]).parent) for name in ("config", "database")}
    (generated,) = read("config/kustomization.yml")["configMapGenerator"]
    check(generated["files"] == [pathlib.Path(entrypoint()["config"]).name], f"config/kustomization.yml: has {generated['files']}")
    wanted = {
        folders["config"]: {"configMap": {"name": generated["name"]}},
        folders["database"]: {"persistentVolumeClaim": {"claimName": of("PersistentVolumeClaim")["metadata"]["name"]}},
    }
    check(mounts == wanted, f"incident-manager.yml: mounts {mounts}, not {wanted}")
    grace = read("compose.yml")["services"]["incident-manager"]["stop_grace_period"]
    check(grace == f"{pod['spec']['terminationGracePeriodSeconds']}s", f"compose.yml: waits {grace} for the end, and incident-manager.yml not")


def check_copies(rendered):
    """What goes to the cluster is the configuration and all of ops/, as they stand there."""
    maps = {one["metadata"]["name"]: one for one in rendered if one["kind"] == "ConfigMap"}
    data = {name: text for one in maps.values() for name, text in one["data"].items()}
    files = {path.name: path.read_text() for path in [METRICS, *OPS.glob("dashboards/*.json")]}
    for name in files.keys() | data.keys():
        check(data.get(name) == files.get(name), f"{name}: in the cluster it is another, or none; see the files kustomization.yml")
    for name, one in maps.items():
        check(len(json.dumps(one)) < 1_000_000, f"{name}: larger than a ConfigMap can be")
    (pod,) = (one["spec"]["template"]["spec"] for one in rendered if one["kind"] == "Deployment")
    mounted = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    check(set(mounted) <= maps.keys(), f"the pod mounts {mounted}, of which the cluster gets {[*maps]}")
    check_rules(rendered)


def check_rules(documents):
    """The rules of the operator are those of Prometheus, which promtool has checked."""
    groups = lambda documents: {json.dumps(group, sort_keys=True) for one in documents for group in one["groups"]}
    wanted = groups(yaml.safe_load(path.read_text()) for path in OPS.glob("rules/*.yml"))
    found = groups(one["spec"] for one in documents if one["kind"] == "PrometheusRule")
    check(found == wanted, "the rules of ops/kubernetes are not those of ops/rules")


def check_routes():
    """Each alert reaches the receiver of its severity, and what has none is not lost."""
    rules = [rule for path in OPS.glob("rules/*.yml") for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    alerts = [(rule["alert"], rule["labels"].get("severity")) for rule in rules if "alert" in rule]
    check(len(alerts) > 10, f"ops/rules has {len(alerts)} alerts only")
    receivers = {"page": "page", "ticket": "ticket", "none": "watchdog"}
    alerts += [("Some", "page"), ("Some", "ticket"), ("Some", "pgae"), ("Some", None)]
    named = [matcher for rule in read("alertmanager/alertmanager.yml")["inhibit_rules"] for matcher in rule["source_matchers"] + rule["target_matchers"]]
    for matcher in named:
        pattern = re.fullmatch(r'alertname =~? "(.+)"', matcher)[1]
        check(any(re.fullmatch(pattern, alert) for alert, _ in alerts), f"alertmanager.yml inhibits by {matcher}, and no alert has that name")
    for alert, severity in alerts:
        wanted = receivers.get(severity, "ticket")
        labels = [f"alertname={alert}", *([f"severity={severity}"] if severity else [])]
        command = ["amtool", "config", "routes", "test", f"--config.file={DEPLOY}/alertmanager/alertmanager.yml"]
        found = subprocess.run([*command, *labels], capture_output=True, text=True)
        check(found.returncode == 0 and found.stdout.strip() == wanted, f"{labels} goes to {found.stdout.strip()}, not to {wanted}")


def write_documents(scratch, documents):
    """Core kinds as files; those of the operator as literals of its types, which let no unknown key pass."""
    (scratch / "core").mkdir(exist_ok=True)
    lines = ['import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";']
    lines += ['import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";']
    for n, one in enumerate(documents):
        if one["apiVersion"] == OPERATOR:
            fields = {key: value for key, value in one.items() if key not in ("apiVersion", "kind")}
            lines.append(f"new {one['kind']}({json.dumps(fields, indent=1)}).validate();")
        elif one["kind"] != "Kustomization":
            (scratch / "core" / f"{n}-{one['kind']}.yml").write_text(yaml.safe_dump(one))
    (scratch / "operator.mts").write_text("\n".join(lines) + "\n")


def main(scratch, files):
    documents = {file: [one for one in yaml.safe_load_all(pathlib.Path(file).read_text()) if one] for file in files}
    ports = check_image()
    check_compose(ports)
    written = [one for file, found in documents.items() if "rendered" not in file for one in found]
    check_pods(written, ports)
    check_rules(written)
    for file, found in documents.items():
        if "rendered" in file:
            check_copies(found)
    check_routes()
    write_documents(pathlib.Path(scratch), [one for found in documents.values() for one in found])
    if complaints:
        raise SystemExit("deploy: " + "\ndeploy: ".join(complaints))


main(sys.argv[1], sys.argv[2:])
