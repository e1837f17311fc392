"""Real stores started for a test: a home and ports of their own, gone when closed, also after a killed run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from feedmill.cli.local.clickhouse import ClickHouse
from feedmill.cli.local.kafka import Kafka
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.part import Part, PartSpec
from feedmill.cli.local.postgres import Postgres
from feedmill.testkit.ports import free_origin
from feedmill.testkit.reaper import Reaper

START_TIMEOUT_S = 120.0
"""Generous: a first start may fetch Kafka's jars, and tests share the machine."""

open_homes: set[Home] = set()
"""Of all benches of this process: where a failed test's parts have their logs."""


class Bench:
    """A temporary home, a block of ports, and the parts started on them; a context manager."""

    def __init__(self) -> None:
        root = Path(tempfile.mkdtemp(prefix="feedmill-test-"))
        root.chmod(0o755)  # Postgres may have to run as another user
        self.home = Home(root)
        self.home.make()
        open_homes.add(self.home)
        self.ports = Ports(free_origin())
        self.parts: list[Part] = []
        self.reaper = Reaper()
        self.reaper.tell("folder", root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self, spec: PartSpec) -> Part:
        """Started, not yet ready."""
        part = Part(spec)
        self.parts.append(part)
        self.launch(part)
        return part

    def launch(self, part: Part) -> None:
        """Start (again) a part of this bench."""
        part.start()
        self.reaper.tell("pid", part.pid)

    def close(self) -> None:
        for part in reversed(self.parts):
            part.kill()
            if part.pid is not None:
                self.reaper.tell("gone", part.pid)
        open_homes.discard(self.home)
        self.reaper.close()


@dataclass(frozen=True)
class RunningKafka:
    part: Part
    bootstrap_servers: str


@dataclass(frozen=True)
class RunningPostgres:
    part: Part
    launcher: Postgres

    @cached_property
    def dsn(self) -> str:
        return self.launcher.dsn

    def dsn_of(self, database: str) -> str:
        return self.launcher.dsn_of(database)


@dataclass(frozen=True)
class RunningClickHouse:
    part: Part
    launcher: ClickHouse

    @property
    def url(self) -> str:
        return self.launcher.url

    @property
    def http_port(self) -> int:
        return self.launcher.http_port


def start_kafka(bench: Bench) -> RunningKafka:
    launcher = Kafka(bench.home, bench.ports.kafka, bench.ports.kafka_controller)
    part = bench.start(launcher.spec())
    part.wait_ready(START_TIMEOUT_S)
    return RunningKafka(part, launcher.bootstrap_servers)


def start_postgres(bench: Bench) -> RunningPostgres:
    launcher = Postgres(bench.home, bench.ports.postgres)
    part = bench.start(launcher.spec())
    part.wait_ready(START_TIMEOUT_S)
    return RunningPostgres(part, launcher)


def start_clickhouse(bench: Bench) -> RunningClickHouse:
    launcher = ClickHouse(bench.home, bench.ports.clickhouse_http, bench.ports.clickhouse_tcp)
    part = bench.start(launcher.spec())
    part.wait_ready(START_TIMEOUT_S)
    return RunningClickHouse(part, launcher)
