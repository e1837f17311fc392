"""A platform to break, with what a chaos run needs around it: a key, addresses, positions, the `feedmill` command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2

from chaos.ledger import LedgerWriter
from chaos.observed import (
    ENRICHED,
    RAW,
    Stores,
    clickhouse,
    clickhouse_positions,
    committed,
    ends_of,
    postgres_positions,
    rows_of,
)
from feedmill.cli import api_keys
from feedmill.testkit.network import HOST
from feedmill.testkit.platform import Platform, Shape
from feedmill.testkit.waiting import let_pass

SERVICE = "chaos"
INGEST, ENRICHER, POSTGRES_SINK, CLICKHOUSE_SINK = (
    "ingest",
    "enricher",
    "feed-writer-postgres",
    "feed-writer-clickhouse",
)
PROCESSES = (INGEST, ENRICHER, POSTGRES_SINK, CLICKHOUSE_SINK)
QUIET_TIMEOUT_S = 120.0


class NotLive(AssertionError):
    """The platform did not come to rest in time: something is stuck."""


class Stage:
    """A context manager: the platform, up; the ledger, open. The parts' logs are left beside the ledger."""

    def __init__(self, ledger: Path, shape: Shape | None = None) -> None:
        self.platform = Platform(shape or stage_shape())
        self.ledger_path = ledger
        self.ledger = LedgerWriter(ledger)
        self.key = ""

    def __enter__(self) -> Self:
        self.platform.__enter__()
        try:
            self.key = api_keys.create_for_service(self.stores.postgres, SERVICE, ("events:write", "feeds:read")).key
            keep_raw_rows(self.stores.clickhouse)
        except BaseException:
            self.platform.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ledger.close()
        kept = self.ledger_path.with_suffix(".logs")
        shutil.copytree(self.platform.home.logs, kept, dirs_exist_ok=True)
        self.platform.close()

    @property
    def owner(self) -> str:
        return f"service:{SERVICE}"

    @property
    def stores(self) -> Stores:
        known = self.platform.connections
        return Stores(known.kafka, known.postgres, known.clickhouse)

    @property
    def ingest_url(self) -> str:
        """Through its link where the platform has any."""
        link = self.platform.links.get(INGEST)
        return f"http://{HOST}:{link.port}" if link else self.platform.address(INGEST)

    @property
    def restarts(self) -> dict[str, int]:
        """Parts that ended unasked since the nemesis last started them, and how often."""
        return {name: keeper.ends for name, keeper in self.platform.keepers.items() if keeper.ends}

    def ends_now(self) -> dict[int, int]:
        """The last offset of each raw partition that has any."""
        return {p: end - 1 for p, end in ends_of(self.stores.kafka, RAW).items() if end}

    def applied(self, goal: Mapping[int, int]) -> bool:
        """Whether both stores have applied so much of the raw log. False also while one is away."""
        try:
            sinks = (postgres_positions(self.stores.postgres), clickhouse_positions(self.stores.clickhouse))
        except (psycopg2.Error, OSError):
            return False
        return all(sink.get(p, -1) >= last for sink in sinks for p, last in goal.items())

    def feedmill(self, *arguments: str, timeout_s: float = 180, as_json: bool = True) -> Any:
        """The command's JSON answer, where it has one; the platform's addresses are given to it."""
        done = subprocess.run(
            [str(Path(sys.prefix) / "bin" / "feedmill"), *arguments, *(["--json"] if as_json else [])],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"feedmill {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout) if as_json and done.stdout.strip() else None

    def environment(self) -> Mapping[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith("FEEDMILL_")}
        return {
            **ours,
            **self.platform.connections.environment(),
            "FEEDMILL_PORT": str(self.platform.ports.origin),
            "FEEDMILL_HOME": str(self.platform.home.root),
        }


def stage_shape(env: Mapping[str, Mapping[str, str]] | None = None, services: tuple[str, ...] = PROCESSES) -> Shape:
    """What chaos breaks: no gateway and no api in the way; a part that ends is brought back, as everywhere."""
    return Shape(services=services, env=env or {}, auto_restart=True, test_build=True)


def keep_raw_rows(url: str) -> None:
    """ClickHouse shall not merge a doubled row away before the checker counts."""
    for statement in (
        "ALTER TABLE fact_activity MODIFY SETTING parts_to_delay_insert = 100000, parts_to_throw_insert = 100000",
        "SYSTEM STOP MERGES fact_activity",
    ):
        list(clickhouse(url, statement, output=False))


@dataclass(frozen=True, slots=True)
class Work:
    """What waits for each process, by the log and the stores themselves."""

    stores: Stores
    ledger: LedgerWriter

    def ends(self, part: str) -> dict[int, int]:
        return ends_of(self.stores.kafka, RAW if part == ENRICHER else ENRICHED)

    def next_offsets(self, part: str) -> dict[int, int]:
        if part == POSTGRES_SINK:
            query = f"SELECT partition, next_offset FROM sink_position WHERE topic = '{ENRICHED}'"
            return {int(p): int(o) for p, o in rows_of(self.stores.postgres, query)}
        return committed(self.stores.kafka, part, RAW if part == ENRICHER else ENRICHED, 6)

    def waited(self, part: str, ends_before: Mapping[int, int]) -> bool:
        """Whether something that was there before (the ends then) is unfinished now."""
        if part == INGEST:
            return self.ledger.in_flight > 0
        done = self.next_offsets(part)
        return any(max(0, done.get(p, 0)) < end for p, end in ends_before.items())


def wait_until_quiet(stage: Stage, timeout_s: float, alive: Callable[[], str | None]) -> float:
    """Seconds until both stores have applied the raw log to its end. Raises NotLive; `alive` says who died, if any."""
    began = time.monotonic()
    while not stage.applied(stage.ends_now()):
        dead = alive()
        if dead is not None:
            raise NotLive(f"{dead} ended by itself")
        if time.monotonic() - began > timeout_s:
            raise NotLive(f"not at rest after {timeout_s:.0f} s: {standing(stage)}")
        let_pass(0.3)
    return time.monotonic() - began


def standing(stage: Stage) -> dict[str, dict[int, int]]:
    return {
        "raw": stage.ends_now(),
        "postgres": postgres_positions(stage.stores.postgres),
        "clickhouse": clickhouse_positions(stage.stores.clickhouse),
    }
