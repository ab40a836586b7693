"""Reads dashboards into types made from Grafana's schema and writes them again: nothing may be lost on the way.

Usage: python3 ci/ops.py ops/dashboards/*.json
"""

import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(written, kept, path):
    """Where something of `written` is not in `kept`, or is something else there."""
    if isinstance(written, dict) and isinstance(kept, dict):
        for key, value in written.items():
            yield from lost(value, kept.get(key), f"{path}.{key}")
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for n, (one, other) in enumerate(zip(written, kept)):
            yield from lost(one, other, f"{path}[{n}]")
    elif written != kept and not (written in ([], {}) and kept is None):
        yield f"{path}: {json.dumps(written)} became {json.dumps(kept)}"


def main(paths):
    register_default_plugins()
    problems = []
    for path in paths:
        written = json.loads(pathlib.Path(path).read_text())
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
        problems += lost(written, kept, pathlib.Path(path).stem)
    if problems:
        sys.exit("\n".join(["ops: what Grafana's types do not know:", *problems]))
    print(f"ops: {len(paths)} dashboards, all of which Grafana's types know")


main(sys.argv[1:])
