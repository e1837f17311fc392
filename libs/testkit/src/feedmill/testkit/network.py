"""A network that can be made bad: TCP proxies on loopback, each in front of one port.

    with Network() as network:
        link = network.link(5432)                  # connect to link.port instead
        link.weather(Weather(latency_s=0.1, bytes_per_s=375_000))
        link.reset()                               # RST to all who are connected
        link.fall_silent(); link.speak()           # half-open: connected, and nothing comes through
        link.cut_next_reply(after_bytes=7)         # truncated: the beginning of an answer, then the end
        link.lose_next_reply(of=says(b"COMMIT"))   # the other side has done it, and nobody hears that it has

One thread serves all links. What a link did to work under way is counted: `struck` are connections on which an
answer was owed, `lost` are answers that had come back and were thrown away.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
QUEUED_CHUNKS = 64
"""On their way in one direction of one connection; a slow link slows its sender, it does not store the load."""
CALL_TIMEOUT_S = 10.0
ANSWERED_S = 0.2
"""After the first byte of an answer that is to be lost: so long until the other side has said all of it."""

ResultT = TypeVar("ResultT")
Asks = Callable[[bytes], bool]
"""Whether a piece of what a client sends is the request that is meant."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How every connection's bytes travel, each way."""

    latency_s: float = 0.0
    bytes_per_s: float | None = None


def says(marker: bytes) -> Asks:
    return lambda data: marker in data


def produces(data: bytes) -> bool:
    """A Kafka request of kind Produce that begins here: length, key 0, a version of our time."""
    if len(data) < 8:
        return False
    length, key, version = struct.unpack(">ihh", data[:8])
    return bool(key == 0 and 3 <= version <= 20 and 8 < length < 100_000_000)


class Network:
    """A context manager; its end closes every link."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def link(self, port: int) -> Link:
        """To `port` of this machine, through a port of its own."""
        link = Link(port, self.run)
        self.run(link.open())
        self.links.append(link)
        return link

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)

    def close(self) -> None:
        for link in self.links:
            self.run(link.end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Link:
    """Made by `Network.link`. Its methods return when what they ask for holds."""

    def __init__(self, target: int, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.target = target
        self.port = 0
        self.struck = 0
        self.lost = 0
        self._run = run
        self._weather = Weather()
        self._lines: set[_Line] = set()
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._to_cut: int | None = None
        self._to_lose: Asks | None = None
        self._server: asyncio.Server | None = None

    @property
    def lines(self) -> int:
        """Open connections."""
        return len(self._lines)

    @property
    def is_clear(self) -> bool:
        """Nothing is planned that has not struck yet."""
        return self._to_cut is None and self._to_lose is None

    def weather(self, weather: Weather) -> None:
        self._run(self._set_weather(weather))

    def reset(self) -> None:
        self._run(self._reset())

    def fall_silent(self) -> None:
        self._run(self._silence(True))

    def speak(self) -> None:
        """Those who were kept in silence are reset: that is how such a connection is found to be dead."""
        self._run(self._silence(False))

    def cut_next_reply(self, after_bytes: int) -> None:
        self._run(self._plan(cut=after_bytes))

    def lose_next_reply(self, of: Asks) -> None:
        self._run(self._plan(lose=of))

    def clear(self) -> None:
        """Nothing planned any more."""
        self._run(self._plan())

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        assert self._server is not None
        self._server.close()
        lines = list(self._lines)
        for line in lines:
            line.abort()
        await asyncio.gather(*(line.serving for line in lines), return_exceptions=True)

    async def _set_weather(self, weather: Weather) -> None:
        self._weather = weather
        self.struck += sum(line.owes for line in self._lines) if weather != Weather() else 0

    async def _reset(self) -> None:
        for line in list(self._lines):
            self.struck += line.owes
            line.abort()

    async def _silence(self, silent: bool) -> None:
        if silent:
            self.struck += sum(line.owes for line in self._lines)
            self._speaking.clear()
            return
        for line in list(self._lines):
            self.struck += line.owes
            line.abort()
        self._speaking.set()

    async def _plan(self, *, cut: int | None = None, lose: Asks | None = None) -> None:
        self._to_cut, self._to_lose = cut, lose

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        except OSError:
            _abort(writer)
            return
        serving = asyncio.current_task()
        assert serving is not None
        line = _Line(writer, far_writer, serving)
        self._lines.add(line)
        there, back = _Way(), _Way()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._depart(reader, there, line, self._sent))
                both.create_task(self._arrive(there, far_writer))
                both.create_task(self._depart(far_reader, back, line, self._answered))
                both.create_task(self._arrive(back, writer))
        except* OSError:
            pass
        except* asyncio.CancelledError:
            pass
        finally:
            self._lines.discard(line)
            line.hang_up()

    async def _depart(
        self, reader: asyncio.StreamReader, way: _Way, line: _Line, look: Callable[[_Line, bytes], bytes]
    ) -> None:
        """Read, look, and say when it may be there."""
        free_at_s = 0.0
        while data := await reader.read(CHUNK_BYTES):
            now_s = asyncio.get_running_loop().time()
            weather = self._weather
            took_s = len(data) / weather.bytes_per_s if weather.bytes_per_s else 0.0
            free_at_s = max(now_s, free_at_s) + took_s
            if passed := look(line, data):
                await way.put((free_at_s + weather.latency_s, passed))
        await way.put((0.0, b""))

    async def _arrive(self, way: _Way, writer: asyncio.StreamWriter) -> None:
        """Write when its time has come; an end is passed on."""
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await way.get()
            if (left_s := due_s - loop.time()) > 0:
                await asyncio.sleep(left_s)
            await self._speaking.wait()
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    def _sent(self, line: _Line, data: bytes) -> bytes:
        line.owes = True
        if self._to_lose is not None and not line.swallows and self._to_lose(data):
            self._to_lose, line.swallows = None, True
        return data

    def _answered(self, line: _Line, data: bytes) -> bytes:
        """What of it goes on."""
        if line.swallows:
            if not line.is_ending:
                self.lost += 1
                self.struck += 1
                line.end_after(ANSWERED_S)
            return b""
        if self._to_cut is not None and line.owes:
            data, self._to_cut = data[: self._to_cut], None
            self.struck += 1
            line.swallows = True
            line.end_after(ANSWERED_S)
        line.owes = False
        return data


class _Way(asyncio.Queue[tuple[float, bytes]]):
    """One direction of a connection: what is under way, and when it may arrive."""

    def __init__(self) -> None:
        super().__init__(QUEUED_CHUNKS)


@dataclass(eq=False, slots=True)
class _Line:
    """One connection, both its ends."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    serving: asyncio.Task[Any]
    owes: bool = False
    """Something was asked and nothing has come back since."""
    swallows: bool = False
    is_ending: bool = field(default=False)

    def end_after(self, seconds: float) -> None:
        self.is_ending = True
        asyncio.get_running_loop().call_later(seconds, self.abort)

    def abort(self) -> None:
        """At once, from outside."""
        self.hang_up()
        if not self.serving.done():
            self.serving.cancel()

    def hang_up(self) -> None:
        _abort(self.near)
        _abort(self.far)


def _abort(writer: asyncio.StreamWriter) -> None:
    """With a reset, not with a polite end."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
