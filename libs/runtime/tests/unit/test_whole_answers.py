"""How answers leave, seen from both ends: what was handed to the socket's transport, and what a client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from feedmill.runtime.whole_answers import WholeAnswers

DEADLINE_S = 10.0
Exchange = Callable[[Any, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Recorded:
    """A transport that remembers what was written to it."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Application:
    """`/stream` says its second part when told to; anything else is answered with eight bytes."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await self.go_on.wait()
            await send({"type": "http.response.body", "body": b"HTTP/1.1 is what this text begins with"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
        await send({"type": "http.response.body", "body": b"an apple"})


def exchanged(exchange: Exchange) -> list[bytes]:
    """What the server wrote meanwhile."""
    writes: list[bytes] = []

    async def main() -> None:
        application = Application()
        config = uvicorn.Config(application, http=WholeAnswers, lifespan="off", log_config=None)
        config.load()

        class Protocol(WholeAnswers):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(Recorded(transport, writes))  # type: ignore[arg-type]

        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Protocol(config, ServerState(), {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        async with asyncio.timeout(DEADLINE_S):
            await exchange(application, reader, writer)
        writer.close()
        server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    return writes


async def ask(writer: asyncio.StreamWriter, line: bytes, *headers: bytes) -> None:
    writer.write(b"\r\n".join([line + b" HTTP/1.1", b"host: test", *headers, b"", b""]))
    await writer.drain()


def test_head_and_body_are_one_write_answer_after_answer() -> None:
    async def exchange(_: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _number in range(2):
            await ask(writer, b"GET /")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(8) == b"an apple"

    writes = exchanged(exchange)
    assert len(writes) == 2
    assert all(write.startswith(b"HTTP/1.1 200 OK\r\n") and write.endswith(b"\r\n\r\nan apple") for write in writes)


def test_a_head_without_a_body_is_not_kept_back() -> None:
    async def exchange(_: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(writer, b"HEAD /")
        assert b"content-length: 8" in await reader.readuntil(b"\r\n\r\n")

    assert len(exchanged(exchange)) == 1


def test_a_streams_head_leaves_before_its_first_part() -> None:
    async def exchange(application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(writer, b"GET /stream")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        application.go_on.set()
        assert b"this text begins with\r\n0\r\n\r\n" in await reader.readuntil(b"0\r\n\r\n")

    assert len(exchanged(exchange)) == 2


def test_what_is_kept_back_leaves_before_the_connection_ends() -> None:
    async def exchange(_: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(writer, b"HEAD /", b"connection: close")
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 200 OK")
        assert reader.at_eof()

    exchanged(exchange)


def test_what_the_server_refuses_itself_is_told() -> None:
    async def exchange(_: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"NO SUCH THING\r\n\r\n")
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.endswith(b"Invalid HTTP request received.")

    exchanged(exchange)
