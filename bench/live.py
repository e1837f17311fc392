"""Thousands of idle streams on one api: memory a stream, and how long a post takes to all of them."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.doors import port_of
from bench.harness import Figure, Plan, Told, quantile
from feedmill.cli import api_keys
from feedmill.testkit.people import Operator, event
from feedmill.testkit.platform import Platform

STREAMS = 5_000
READERS = 500
FOLLOWS = 20
"""Each reader's, one of whom posts."""
POSTS = 20
"""A round's, one after the other."""
FILES = 16_384
OPENING_AT_ONCE = 200


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    _allow_files()
    platform.restart("api")
    operator = Operator(platform)
    told(f"{READERS} readers who follow {FOLLOWS} each")
    authors, readers = _town(operator)
    key = api_keys.create_for_service(platform.connections.postgres, "bench-live", ("feeds:read",)).key
    pid = platform.pid("api")
    before_bytes = _resident_bytes(pid)
    streams = plan.records(STREAMS, at_least=500)

    async def measured() -> tuple[float, list[list[float]]]:
        told(f"{streams:,} streams")
        listeners = await _opened(port_of(platform.address("api")), key, readers, streams)
        kilobytes = (_resident_bytes(pid) - before_bytes) / streams / 1_000
        rounds = []
        for number in range(plan.rounds):
            told(f"round {number + 1} of {plan.rounds}")
            rounds.append([ms for _ in range(POSTS) for ms in await _told_of_one(operator, authors[0], listeners)])
        for listener in listeners:
            listener.close()
        return kilobytes, rounds

    kilobytes, rounds = asyncio.run(measured())
    operator.close()
    note = f"{streams:,} streams of {READERS} readers with {FOLLOWS} follows, in one process"
    figures = [Figure("live", "memory a stream", "kB", [kilobytes], notes=note)]
    for share in (0.50, 0.99):
        values = [quantile(taken, share) for taken in rounds]
        what = f"POST → told on a stream, all of them, p{share * 100:.0f}"
        notes = f"{sum(map(len, rounds)):,} messages" if share > 0.9 else ""
        figures.append(Figure("live", what, "ms", values, notes=notes))
    return figures


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _allow_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))


def _town(operator: Operator) -> tuple[list[int], list[int]]:
    mark = time.time_ns() % 1_000_000_000
    people = [{"handle": f"live-{mark}-{n}", "name": "n"} for n in range(READERS + FOLLOWS)]
    answer = operator.request("POST", "/v1/users", json=people)
    ids = [result["user"]["id"] for result in answer.json()["results"]]
    authors, readers = ids[:FOLLOWS], ids[FOLLOWS:]
    for author in authors:
        operator.send(
            *(event("follow", {"actor_id": reader, "object": {"type": "user", "id": author}}) for reader in readers)
        )
    return authors, readers


@dataclass(slots=True)
class _Listener(asyncio.Protocol):
    """Counts what comes; `seen_s`: when the text waited for was in it."""

    request: bytes
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for: bytes = b"event: open"
    seen_s: float = 0.0
    _tail: bytes = b""
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-2_000:]
        if self.waits_for and self.waits_for in self._tail:
            self.seen_s = time.perf_counter()
            self.waits_for = b""
            self.opened.set()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _opened(port: int, key: str, readers: Sequence[int], streams: int) -> list[_Listener]:
    loop = asyncio.get_running_loop()
    listeners: list[_Listener] = []
    for start in range(0, streams, OPENING_AT_ONCE):
        batch = [_Listener(_request(key, readers[n % len(readers)])) for n in range(start, start + OPENING_AT_ONCE)]
        await asyncio.gather(*(loop.create_connection(lambda one=one: one, "127.0.0.1", port) for one in batch))  # type: ignore[misc]
        await asyncio.wait_for(asyncio.gather(*(one.opened.wait() for one in batch)), 60)
        listeners += batch
    await asyncio.sleep(2)  # all let in, nothing under way
    return listeners


def _request(key: str, reader: int) -> bytes:
    return f"GET /v1/users/{reader}/feed/live HTTP/1.1\r\nhost: bench\r\nx-app-key: {key}\r\n\r\n".encode()


async def _told_of_one(operator: Operator, author: int, listeners: Sequence[_Listener]) -> list[float]:
    mark = f"mark-{time.time_ns()}"
    for one in listeners:
        one.opened.clear()
        one.waits_for = mark.encode()
    post = event("post", {"actor_id": author, "object": {"type": "post", "content": mark}})
    began_s = time.perf_counter()
    await asyncio.to_thread(operator.send, post, wait_s=0)
    await asyncio.wait_for(asyncio.gather(*(one.opened.wait() for one in listeners)), 30)
    return [(one.seen_s - began_s) * 1_000 for one in listeners]
