"""Writes dashboards as literals of Grafana's own types, which let no unknown key and no wrong value pass.

Usage: python3 ci/ops.py ops/dashboards/*.json >dashboards.mts
"""

import json
import pathlib
import sys


def main(paths):
    print('import type { Dashboard, Panel, Row } from "./grafana.mjs";')
    for path in map(pathlib.Path, paths):
        dashboard = json.loads(path.read_text())
        panels = dashboard.pop("panels")
        parts = [("Dashboard", dashboard)]
        parts += [("Row" if panel["type"] == "row" else f'Panel<"{panel["type"]}">', panel) for panel in panels]
        for n, (kind, part) in enumerate(parts):
            # In the name, so that what is wrong is found.
            name = f"{path.stem}_{n}".replace("-", "_")
            print(f"export const {name}: {kind} = {json.dumps(part, indent=1)};")


main(sys.argv[1:])
