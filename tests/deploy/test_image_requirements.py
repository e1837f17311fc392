"""A process starts with the requirements of its image alone: the checkout's environment has more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTED = {
    "ingest": ["feedmill.ingest.main"],
    "enricher": ["feedmill.enricher.main"],
    "feed-writer": ["feedmill.feed_writer.main"],
    "api": ["feedmill.api.main"],
    "cli": [
        "feedmill.cli.main",
        *(f"feedmill.cli.{name}" for name in ("store_commands", "topics_commands", "keys_commands", "dlq_commands")),
        *(f"feedmill.cli.{name}" for name in ("trace", "audit_commands", "import_commands", "load_commands", "demo")),
    ],
}
"""Requirements -> the modules that are imported; the command's are loaded one by one."""
AS_IN_THE_IMAGE = """
import json, sys
from importlib.abc import MetaPathFinder

asked, absent = json.load(sys.stdin)

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
for name in asked:
    __import__(name)
"""
"""What is not in the image cannot be imported; libraries that only look whether something is there must bear it."""


def required(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {plain(found) for found in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}


def plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.mark.parametrize("name", STARTED)
def test_it_starts_with_nothing_but_its_own_requirements(name: str) -> None:
    there = required(name)
    absent = [
        module
        for module, distributions in packages_distributions().items()
        if not any(plain(found) in there or plain(found).startswith("feedmill-") for found in distributions)
    ]
    done = subprocess.run(
        [sys.executable, "-c", AS_IN_THE_IMAGE],
        input=json.dumps([STARTED[name], absent]),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
