"""HTTP/1.1 to one service over kept connections: bodies stream both ways, and nothing is ever sent twice."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import httptools

Headers = list[tuple[bytes, bytes]]

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 60.0
"""For the head of an answer; the longest wait a client may ask for is 30 s. A stream may be silent for as long."""

KEPT_S = 2.0
"""Shorter than uvicorn keeps an idle connection (5 s), so that a request never meets one that is just being closed."""

KEPT_CONNECTIONS = 64
READ_BYTES = 65_536


class Away(Exception):
    """Nobody took the connection: nothing was sent."""


class Broken(Exception):
    """The connection ended, or stayed silent, after something was sent: whether it was done is unknown."""


class Answer:
    """What the parser has understood so far of one response."""

    def __init__(self, *, has_body: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.chunks: deque[bytes] = deque()
        self.has_head = False
        self.complete = False
        self._has_body = has_body
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise Broken(f"not HTTP: {error}") from error
        self.status = self._parser.get_status_code()

    @property
    def keeps_alive(self) -> bool:
        return self.complete and self._has_body and bool(self._parser.should_keep_alive())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim answer: the real one follows
            self.headers.clear()
            return
        self.has_head = True
        self.complete = not self._has_body

    def on_body(self, data: bytes) -> None:
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        self.complete = self.complete or self.has_head


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.idle_since_s = time.monotonic()

    @property
    def usable(self) -> bool:
        fresh = time.monotonic() - self.idle_since_s < KEPT_S
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (OSError, RuntimeError) as error:  # RuntimeError: uvloop's word for a connection that is closed already
            raise Broken(f"could not send: {error}") from error

    async def receive(self, answer: Answer) -> None:
        try:
            data = await asyncio.wait_for(self.reader.read(READ_BYTES), ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise Broken(f"silent for {ANSWER_TIMEOUT_S:.0f} s") from None
        except OSError as error:
            raise Broken(str(error)) from error
        if not data:
            if answer.has_head and not answer.complete and not framed(answer.headers):
                answer.complete = True  # a body without length ends with its connection
                return
            raise Broken("closed in the middle of an answer")
        answer.feed(data)

    def close(self) -> None:
        with suppress(OSError, RuntimeError):
            self.writer.close()


class Upstream:
    """One service: its address and the connections kept to it."""

    def __init__(self, name: str, url: str) -> None:
        parts = urlsplit(url)
        self.name = name
        self.url = url
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._kept: deque[Connection] = deque()

    async def connection(self) -> Connection:
        """A kept one that is surely open, else a new one. Raises Away."""
        while self._kept:
            kept = self._kept.pop()
            if kept.usable:
                return kept
            kept.close()
        try:
            opening = asyncio.open_connection(self._host, self._port, limit=2**20)
            return Connection(*await asyncio.wait_for(opening, CONNECT_TIMEOUT_S))
        except (OSError, TimeoutError) as error:
            raise Away(f"{self.name} does not take connections") from error

    def give_back(self, connection: Connection, answer: Answer) -> None:
        """Kept for the next request if both sides are at its end, else closed."""
        if answer.keeps_alive and len(self._kept) < KEPT_CONNECTIONS:
            connection.idle_since_s = time.monotonic()
            self._kept.append(connection)
        else:
            connection.close()

    async def get(self, path: str) -> tuple[int, bytes]:
        """A small GET of the gateway's own. Raises Away or Broken."""
        connection = await self.connection()
        answer = Answer(has_body=True)
        body = b""
        try:
            await connection.send(head("GET", path.encode(), [(b"host", b"gateway")]))
            while not answer.complete:
                await connection.receive(answer)
            body = b"".join(answer.chunks)
        finally:
            self.give_back(connection, answer)
        return answer.status, body

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()


def framed(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)


def head(method: str, target: bytes, headers: Headers) -> bytes:
    lines = [method.encode() + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def chunked(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body of unknown length, framed."""
    async for part in parts:
        if part:
            yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"
