"""The gateway in front of small servers of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import uvicorn

from feedmill.cli.gateway.main import GatewaySettings
from feedmill.cli.gateway.proxy import Gateway
from feedmill.cli.gateway.upstream import Broken, Connection, Upstream
from feedmill.cli.routes import Route, Table
from feedmill.runtime.health import Health

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ROUTES = (Route("/events", "POST", "ingest"), Route("/feed", "GET", "api"), Route("/live", "GET", "api"))


@dataclass
class Service:
    """Speaks just enough HTTP: `handler` gets the head, and the streams to go on with."""

    handler: Handler
    heads: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.handler(head, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def answer(body: bytes, status: str = "200 OK", extra: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def length_of(head: bytes) -> int:
    return next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))


async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(await reader.readexactly(length_of(head))))


async def never(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def small(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        answer(b'{"ok": true}', extra=b"Feedmill-Position: activity.published.v1/3:1042\r\nConnection: keep-alive\r\n")
    )


@asynccontextmanager
async def origin(ingest: Service, api: Service) -> AsyncIterator[httpx2.AsyncClient]:
    servers = [await asyncio.start_server(service, "127.0.0.1", 0) for service in (ingest, api)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    gateway = Gateway(
        Table.of(ROUTES),
        {
            "ingest": Upstream("ingest", f"http://127.0.0.1:{ports[0]}"),
            "api": Upstream("api", f"http://127.0.0.1:{ports[1]}"),
        },
        Health("cli"),
    )
    config = uvicorn.Config(
        gateway,
        port=0,
        loop="asyncio",
        http="httptools",
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve(None))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        await serving
        for upstream in gateway.upstreams.values():
            upstream.close()
        for listening in servers:
            listening.close()


def test_a_body_of_ten_megabytes_arrives_whole() -> None:
    async def go() -> None:
        async with origin(Service(echo), Service(never)) as client:
            body = bytes(range(256)) * 40_000
            reply = await client.post("/events", content=body)
            assert reply.content == body

    asyncio.run(go())


def test_a_body_larger_than_any_service_takes_is_refused_before_it_is_sent() -> None:
    async def go() -> None:
        ingest = Service(echo)
        async with origin(ingest, Service(never)) as client:
            reply = await client.post("/events", content=b"x" * 11_000_001)
            assert reply.status_code == 413
            assert reply.json()["type"] == "urn:feedmill:problem:too-large"
            assert reply.json()["error"] is True, "family A's clients find their members"
            assert reply.json()["message"] == reply.json()["detail"]
            assert ingest.heads == []

    asyncio.run(go())


def test_a_post_whose_answer_is_lost_is_sent_once() -> None:
    async def go() -> None:
        ingest = Service(never)
        async with origin(ingest, Service(small)) as client:
            reply = await client.post("/events", json={})
            assert reply.status_code == 502
            assert reply.headers["retry-after"] == "1"
            assert len(ingest.heads) == 1

    asyncio.run(go())


def test_connections_are_kept_and_headers_go_through() -> None:
    async def go() -> None:
        api = Service(small)
        async with origin(Service(never), api) as client:
            for _ in range(3):
                reply = await client.get("/feed?limit=2", headers={"X-App-Key": "k"})
            assert reply.headers["feedmill-position"] == "activity.published.v1/3:1042"
            assert reply.json() == {"ok": True}
        assert api.heads[0].startswith(b"GET /feed?limit=2 HTTP/1.1\r\n")
        assert b"x-app-key: k" in api.heads[0]
        assert b"x-forwarded-for: 127.0.0.1" in api.heads[0]

    asyncio.run(go())


def test_head_has_no_body() -> None:
    async def go() -> None:
        async with origin(Service(never), Service(small)) as client:
            reply = await client.head("/feed")
            assert (reply.status_code, reply.content) == (200, b"")

    asyncio.run(go())


def test_a_stream_arrives_event_by_event() -> None:
    released = asyncio.Event()

    async def stream(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"9\r\ndata: 1\n\n\r\n")
        await writer.drain()
        await released.wait()  # only when the first was seen
        writer.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    async def go() -> None:
        async with origin(Service(never), Service(stream)) as client, client.stream("GET", "/live") as reply:
            parts = reply.aiter_raw()
            assert await anext(parts) == b"data: 1\n\n"
            released.set()
            assert await anext(parts) == b"data: 2\n\n"

    asyncio.run(go())


def test_a_client_that_hangs_up_ends_the_stream_behind() -> None:
    ended = asyncio.Event()

    async def stream(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
        )
        await writer.drain()
        assert await reader.read() == b""
        ended.set()
        raise ConnectionError

    async def go() -> None:
        async with origin(Service(never), Service(stream)) as client:
            async with client.stream("GET", "/live") as reply:
                assert await anext(reply.aiter_raw()) == b"one"
            await asyncio.wait_for(ended.wait(), 10)

    asyncio.run(go())


def test_an_answer_before_the_whole_body_is_passed_on() -> None:
    async def refuse(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}", "413 Content Too Large", b"Connection: close\r\n"))
        await writer.drain()
        writer.close()

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 1_000
            await asyncio.sleep(0)

    async def go() -> None:
        async with origin(Service(refuse), Service(never)) as client:
            reply = await client.post("/events", content=slowly())
            assert reply.status_code == 413

    asyncio.run(go())


def test_a_service_that_is_away_is_said_to_be_and_nothing_was_taken() -> None:
    async def go() -> None:
        async with origin(Service(never), Service(small)) as client:
            gateway_knows = await client.get("/readyz")
            assert gateway_knows.status_code == 503
            assert gateway_knows.json()["dependencies"]["api"] == {"up": True}

    asyncio.run(go())


def test_documents_are_merged() -> None:
    async def describe(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(json.dumps({"openapi": "3.1.0", "paths": {"/feed": {"get": {}}}}).encode()))

    async def describe_ingest(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(json.dumps({"openapi": "3.1.0", "paths": {"/feed": {"post": {}}}}).encode()))

    async def go() -> None:
        async with origin(Service(describe_ingest), Service(describe)) as client:
            assert (await client.get("/openapi.json")).json()["paths"] == {"/feed": {"post": {}, "get": {}}}
            assert "openapi.json" in (await client.get("/docs")).text

    asyncio.run(go())


def test_it_tells_of_itself() -> None:
    async def go() -> None:
        async with origin(Service(never), Service(small)) as client:
            await client.get("/feed")
            assert "feedmill_http_requests_total" in (await client.get("/metrics")).text
            assert (await client.get("/version")).json()["service"]
            assert (await client.post("/metrics")).status_code == 405

    asyncio.run(go())


@pytest.mark.parametrize("missing", ["FEEDMILL_GATEWAY__INGEST_URL", "FEEDMILL_GATEWAY__API_URL"])
def test_addresses_have_no_default(missing: str) -> None:
    given = {"FEEDMILL_GATEWAY__INGEST_URL": "http://a", "FEEDMILL_GATEWAY__API_URL": "http://b"}
    del given[missing]
    with pytest.raises(ValueError, match=missing):
        GatewaySettings.from_env(given)


class Dead(asyncio.StreamWriter):
    """As uvloop's is once the peer's reset was seen between two pieces."""

    def __init__(self) -> None:
        pass

    def write(self, data: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def __del__(self) -> None:
        pass


async def to_the_dead() -> None:
    await Connection(asyncio.StreamReader(), Dead()).send(b"body")


def test_a_service_that_dies_while_a_body_is_sent_broke_the_answer() -> None:
    with pytest.raises(Broken, match="could not send"):
        asyncio.run(to_the_dead())
