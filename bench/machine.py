"""What the figures were taken on: nothing in here can tell one machine from another of its kind."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

LIBRARIES = ("confluent-kafka", "fastapi", "uvicorn", "uvloop", "msgspec", "psycopg2-binary", "asyncpg")


@dataclass(frozen=True, slots=True)
class Machine:
    at: str
    cores: int
    memory_gib: float
    system: str
    python: str
    versions: dict[str, str]
    commit: str

    def lines(self) -> list[str]:
        libraries = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return [
            f"{self.at}, commit {self.commit}",
            f"{self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}; stores, services and load tools share them",
            f"Python {self.python}, {libraries}",
        ]


def this_machine() -> Machine:
    return Machine(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={**{name: version(name) for name in LIBRARIES}, "librdkafka": str(confluent_kafka.libversion()[0])},
        commit=_commit(),
    )


def load_average() -> float:
    """Of the last minute: above the number of cores something else ran as well."""
    return os.getloadavg()[0]


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"
