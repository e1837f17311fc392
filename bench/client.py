"""An HTTP load client in a process of its own: as fast as answered, or at fixed times whatever is answered.

With `rate` it is an open loop: requests are due at fixed times, and a latency is counted from when a request was due,
so that a server that stands still is charged for all that wait (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import cast

import uvloop

PLACE = b"@@@@@@@@@@@@"
"""Stands in a request for a number of as many digits, another one in each request."""
TICK_S = 0.0005
"""Between two looks at what is due; where dues lie further apart, each has a look of its own."""
COARSE_TICK_S = 0.001
"""The same where nobody looks at how long the answers took: by the loop's own timers, so one to two milliseconds."""


@dataclass(frozen=True, slots=True)
class Load:
    """`requests`: whole HTTP/1.1 requests, sent in turns, each with its own number in all its `PLACE`s."""

    port: int
    requests: Sequence[bytes]
    connections: int
    seconds: float
    rate: float | None = None
    first_number: int = 1
    timed: bool = True
    """Whether latencies count; else what is due is sent in turns of a millisecond or two. At 2,000 a second that takes
    0.08 of a processor, not 0.17, of what is measured amid it.
    """


@dataclass(slots=True)
class Answered:
    """Requests answered 2xx within the time, and how long each took; `other`: status -> how many."""

    ok: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    other: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0

    @property
    def per_s(self) -> float:
        return self.ok / self.seconds


def request(method: str, path: str, key: str, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"X-App-Key: {key}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def amid(load: Load, settle_s: float) -> Iterator[None]:
    """What runs inside runs amid this load, which began `settle_s` before it. The load must last longer."""
    answered: list[Answered] = []
    background = threading.Thread(target=lambda: answered.append(run(replace(load, timed=False))))
    background.start()
    time.sleep(settle_s)
    yield
    background.join()
    assert answered, "the background failed"
    assert not answered[0].other, f"answers that are no success: {dict(answered[0].other)}"


def run(load: Load) -> Answered:
    """In a fresh process, so that it shares no interpreter with anything measured."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_in_process, load).result()


def _in_process(load: Load) -> Answered:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Client(load).run())


class _Connection(asyncio.Protocol):
    """One request at a time, keep-alive."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has no such base

    def send(self, data: bytes, due_s: float) -> None:
        assert self._transport is not None
        self.due_s = due_s
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._received = b""
        self._client.answered(self, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.lost()

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


@contextmanager
def _ticking(
    loop: asyncio.AbstractEventLoop, began_s: float, every_s: float
) -> Iterator[Callable[[], Awaitable[None]]]:
    """What waits for the next of these times since `began_s`. A thread sleeps: the loop's own timers know whole
    milliseconds, and half a one they take for none, so that the client would turn without a pause and take a processor
    from what it measures.
    """
    tick, over = asyncio.Event(), threading.Event()

    def keep_ticking() -> None:
        while not over.is_set():
            time.sleep(every_s - (perf_counter() - began_s) % every_s)
            loop.call_soon_threadsafe(tick.set)

    async def next_tick() -> None:
        await tick.wait()
        tick.clear()

    thread = threading.Thread(target=keep_ticking, daemon=True)
    thread.start()
    try:
        yield next_tick
    finally:
        over.set()
        thread.join()


class _Client:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._loop = asyncio.get_event_loop()
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._number = load.first_number
        self._until_s = 0.0
        self._ended = False
        self._in_flight = 0
        self._out = Answered()

    async def run(self) -> Answered:
        self._loop = asyncio.get_running_loop()
        connections = [await self._connect() for _ in range(self._load.connections)]
        began_s = perf_counter()
        self._until_s = began_s + self._load.seconds
        if self._load.rate is None:
            for connection in connections:
                self._send(connection, perf_counter())
            await asyncio.sleep(self._load.seconds)
        else:
            self._idle.extend(connections)
            await self._keep_time(began_s, self._load.rate)
        self._ended = True
        self._out.seconds = self._load.seconds
        self._out.unanswered = self._in_flight + len(self._waiting) if self._load.rate else 0
        for connection in connections:
            connection.close()
        return self._out

    async def _connect(self) -> _Connection:
        _, connection = await self._loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._load.port)
        return connection

    async def _keep_time(self, began_s: float, rate: float) -> None:
        """Send what is due; at the end wait a little for what is still under way."""
        count, sent = round(rate * self._load.seconds), 0
        with self._ticks(began_s, rate) as next_tick:
            while sent < count:
                due = min(count, int((perf_counter() - began_s) * rate) + 1)
                for number in range(sent, due):
                    self._due(began_s + number / rate)
                sent = max(sent, due)
                await next_tick()
        deadline_s = perf_counter() + 5
        while (self._in_flight or self._waiting) and perf_counter() < deadline_s:  # noqa: ASYNC110 (over, not timed)
            await asyncio.sleep(0.01)

    def _ticks(self, began_s: float, rate: float) -> AbstractContextManager[Callable[[], Awaitable[None]]]:
        if self._load.timed:
            return _ticking(self._loop, began_s, max(TICK_S, 1 / rate))
        return nullcontext(partial(asyncio.sleep, max(COARSE_TICK_S, 1 / rate)))

    def _due(self, at_s: float) -> None:
        if self._idle:
            self._send(self._idle.popleft(), at_s)
        else:
            self._waiting.append(at_s)

    def _send(self, connection: _Connection, due_s: float) -> None:
        template = self._load.requests[self._number % len(self._load.requests)]
        self._in_flight += 1
        connection.send(template.replace(PLACE, b"%012d" % self._number), due_s)
        self._number += 1

    def answered(self, connection: _Connection, status: int) -> None:
        if self._ended:
            return
        now_s = perf_counter()
        self._in_flight -= 1
        if 200 <= status < 300:
            self._out.ok += 1
            self._out.latencies_ms.append((now_s - connection.due_s) * 1_000)
        else:
            self._out.other[status] += 1
        if self._load.rate is None:
            if now_s < self._until_s:
                self._send(connection, now_s)
        elif self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost(self) -> None:
        if not self._ended:
            raise ConnectionError("the server closed a connection under load")
