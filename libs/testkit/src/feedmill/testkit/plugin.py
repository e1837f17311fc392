"""The pytest plugin of the whole repository, found by its entry point: the real parts, and a closed network.

A test that fails shows how the logs of the parts it ran on end.

A test without a marker (integration, e2e, chaos) may open no connection, except to what the test run itself serves.
A service whose background task fails ends its process by SIGTERM: in a test's process that fails the test instead.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

import psycopg2
import pytest

from feedmill.cli.local.part import last_lines
from feedmill.testkit.parts import (
    _schema,
    bench,
    clickhouse,
    database,
    kafka,
    migrated,
    postgres,
    shared_state,
    state,
    topic_name,
)
from feedmill.testkit.running import open_homes

__all__ = [
    "_schema",
    "bench",
    "clickhouse",
    "closed_network",
    "database",
    "kafka",
    "migrated",
    "postgres",
    "shared_state",
    "state",
    "topic_name",
]

LINES_OF_A_LOG = 8

MAY_CONNECT = ("integration", "e2e", "chaos")

own_ports: set[int] = set()
"""Ports this process listens on."""

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_listen = socket.socket.listen
_connect_database = psycopg2.connect
older_threads: set[int | None] = set()
"""Those of fixtures that live for the session: what they watch is not the test's doing."""


class NetworkClosed(RuntimeError):
    """The test has no marker and opened a connection: mark it `integration`, or give it a fake."""


class Terminated(RuntimeError):
    """SIGTERM came: see what the log says of a background task that failed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for home in open_homes:
            for log in sorted(home.logs.glob("*.log")):
                report.sections.append((f"{log.name} ends", last_lines(log, LINES_OF_A_LOG)))
    return report


def pytest_sessionstart() -> None:
    signal.signal(signal.SIGTERM, fail_the_test)


def fail_the_test(number: int, _: FrameType | None) -> None:
    """Once: the next SIGTERM ends the run."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated("SIGTERM came during this test: a background task that failed sends it")


def listen(self: socket.socket, *arguments: int) -> None:
    _listen(self, *arguments)
    address = self.getsockname()
    if isinstance(address, tuple):
        own_ports.add(address[1])


def refuse(self: socket.socket, address: Any) -> None:
    if threading.get_ident() in older_threads:
        return
    if self.family != socket.AF_UNIX and not (isinstance(address, tuple) and address[1] in own_ports):
        raise NetworkClosed(f"no connection to {address!r} from a test without marker")


def connect(self: socket.socket, address: Any) -> None:
    refuse(self, address)
    _connect(self, address)


def connect_ex(self: socket.socket, address: Any) -> int:
    refuse(self, address)
    return _connect_ex(self, address)


def connect_database(*arguments: Any, **named: Any) -> Any:
    """psycopg2 connects by libpq, past Python's sockets."""
    if threading.get_ident() in older_threads:
        return _connect_database(*arguments, **named)
    raise NetworkClosed("no database in a test without marker: mark it `integration`, or give it a fake")


@pytest.fixture(autouse=True)
def closed_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(request.node.get_closest_marker(name) for name in MAY_CONNECT):
        return
    older_threads.clear()
    older_threads.update(thread.ident for thread in threading.enumerate() if thread is not threading.current_thread())
    monkeypatch.setattr(socket.socket, "listen", listen)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(psycopg2, "connect", connect_database)
