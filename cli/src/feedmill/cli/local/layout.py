"""Where a local platform keeps its things: one home folder, one block of ports."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 5000
REACHABLE = Path("/var/tmp")  # noqa: S108  what is made here is owned, checked and named after its home


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port is an offset from the origin's, so two platforms need only two origins to live side by side."""

    origin: int = DEFAULT_PORT

    @property
    def ingest(self) -> int:
        return self.origin + 1

    @property
    def api(self) -> int:
        return self.origin + 2

    @property
    def enricher(self) -> int:
        return self.origin + 3

    @property
    def feed_writer_postgres(self) -> int:
        return self.origin + 4

    @property
    def feed_writer_clickhouse(self) -> int:
        return self.origin + 5

    @property
    def kafka(self) -> int:
        return self.origin + 10

    @property
    def kafka_controller(self) -> int:
        return self.origin + 11

    @property
    def postgres(self) -> int:
        return self.origin + 20

    @property
    def clickhouse_http(self) -> int:
        return self.origin + 30

    @property
    def clickhouse_tcp(self) -> int:
        return self.origin + 31

    def replica(self, index: int) -> int:
        """The (side) port of an extra replica of a service; index counts from 0."""
        return self.origin + 40 + index


OFFSETS = (0, 1, 2, 3, 4, 5, 10, 11, 20, 30, 31)
"""Offsets from the origin that a platform of one replica each listens on."""

BLOCK = 64
"""Ports from an origin that a platform may use at all."""


@dataclass(frozen=True, slots=True)
class Home:
    """FEEDMILL_HOME: data/, logs/ and run/."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def make(self) -> None:
        for folder in (self.data, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def outside(self) -> Path:
        """A folder other users can reach, for what cannot run under this home; named after the home."""
        name = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:16]
        return REACHABLE / f"feedmill-{name}"


def reachable_by_others(folder: Path) -> bool:
    """Whether a user who is nobody in particular could enter `folder` (made or not) from the root down."""
    existing = [p for p in (folder, *folder.parents) if p.exists()]
    return all(os.stat(p).st_mode & 0o001 for p in existing)
