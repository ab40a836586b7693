"""Copies the published crates into a workspace of their own, without their dev-dependencies.

Usage: python3 ci/published.py DIRECTORY
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

TABLE = r"(?m)^\[.*\n(?:(?!\[).*\n?)*"


def main(to):
    text = subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
    metadata = json.loads(text)
    root = pathlib.Path(metadata["workspace_root"])
    paths = [pathlib.Path(package["manifest_path"]).parent for package in metadata["packages"] if package["publish"] is None]
    members = [str(path.relative_to(root)) for path in paths]
    for member in members:
        shutil.copytree(root / member / "src", to / member / "src")
        manifest = (root / member / "Cargo.toml").read_text()
        # Benches are files that are not copied.
        manifest = "".join(table for table in re.findall(TABLE, manifest) if not re.match(r"\[dev-|\[\[bench", table))
        manifest = re.sub(r"(?m)^members = .*", f"members = {json.dumps(members)}", manifest)
        manifest = re.sub(r"(?m)^(default-members|exclude|readme) = .*\n", "", manifest)
        (to / member / "Cargo.toml").write_text(manifest)
    shutil.copy(root / "README.md", to)


main(pathlib.Path(sys.argv[1]))
