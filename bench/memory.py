"""What a local platform holds in memory after a town's load, and how long `feedmill up` takes when installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import Figure, Plan, Told, at_most
from feedmill.cli.local.services import STORES, script
from feedmill.testkit.ports import free_origin

USERS, EVENTS = 1_000, 20_000
WHOLE_MB, SERVICE_MB, UP_S = 1_600.0, 120.0, 20.0


def run(plan: Plan, told: Told) -> list[Figure]:
    """A platform of its own, by the command alone."""
    with _home() as feedmill:
        told("feedmill up, the first time")
        feedmill("up")
        ups = []
        for number in range(plan.rounds):
            feedmill("down")
            told(f"feedmill up, {number + 1} of {plan.rounds}")
            began_s = time.perf_counter()
            feedmill("up")
            ups.append(time.perf_counter() - began_s)
        told(f"a town of {USERS:,} people and {EVENTS:,} events")
        feedmill("load", "town", "--users", str(USERS), "--events", str(EVENTS), "--seed", "1")
        parts = json.loads(feedmill("status", "--json"))["parts"]
    return [*_sizes(parts), Figure("memory", "feedmill up, when installed", "s", ups, goal=at_most(UP_S))]


class _Command:
    """`feedmill …` for one home and port."""

    def __init__(self, home: Path) -> None:
        places = {"FEEDMILL_HOME": str(home), "FEEDMILL_PORT": str(free_origin())}
        self._env = {**{k: v for k, v in os.environ.items() if not k.startswith("FEEDMILL_")}, **places}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [script("feedmill"), *arguments], env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"feedmill {' '.join(arguments)}: {done.stdout[-1_000:]}{done.stderr[-1_000:]}"
        return done.stdout


@contextmanager
def _home() -> Iterator[_Command]:
    home = Path(tempfile.mkdtemp(prefix="feedmill-bench-"))
    home.chmod(0o755)  # Postgres may have to run as another user
    feedmill = _Command(home)
    try:
        yield feedmill
    finally:
        feedmill("down")
        shutil.rmtree(home, ignore_errors=True)


def _sizes(parts: list[dict[str, Any]]) -> list[Figure]:
    sizes = {part["name"]: float(part["rss_mb"]) for part in parts}
    whole = Figure("memory", "the whole platform after the load", "MB", [sum(sizes.values())], goal=at_most(WHOLE_MB))
    each = [
        Figure("memory", name, "MB", [size], goal=None if name in STORES else at_most(SERVICE_MB))
        for name, size in sizes.items()
    ]
    return [whole, *each]
