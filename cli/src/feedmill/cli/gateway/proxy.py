"""The ASGI application: takes a request, finds its service, streams it there and the answer back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress

from feedmill.cli.gateway.documents import Documents
from feedmill.cli.gateway.exchange import LARGEST_BODY_BYTES, ClientGone, Exchange, Receive, Scope, Send, TooLarge
from feedmill.cli.gateway.upstream import Answer, Away, Broken, Connection, Headers, Upstream, chunked, framed, head
from feedmill.cli.routes import Table
from feedmill.runtime import metrics
from feedmill.runtime.health import PATHS, Health

PROBLEM = "urn:feedmill:problem:"
"""As feedmill.runtime.problem has it, which would bring all of FastAPI with it."""

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade", b"expect"}
)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those with a time series of their own; a client may invent others."""


class Gateway:
    def __init__(self, table: Table, upstreams: Mapping[str, Upstream], health: Health) -> None:
        self.table = table
        self.upstreams = upstreams
        self.health = health
        self.documents = Documents(upstreams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        began_s = time.monotonic()
        path = str(scope["path"])
        service = "gateway" if path in PATHS or path in Documents.PATHS else self.table.service(exchange.method, path)
        metrics.HTTP_IN_FLIGHT.at().inc()
        try:
            await self._answer(exchange, service, path)
        except (ClientGone, asyncio.CancelledError):
            exchange.status = exchange.status or 499
        finally:
            metrics.HTTP_IN_FLIGHT.at().dec()
            method = exchange.method if exchange.method in METHODS else "other"
            metrics.HTTP_REQUESTS.at(method, service, str(exchange.status)).inc()
            metrics.HTTP_DURATION.at(method, service).observe(time.monotonic() - began_s)

    async def _answer(self, exchange: Exchange, service: str, path: str) -> None:
        if service == "gateway":
            await self._own(exchange, path)
            return
        try:
            await self._forward(exchange, self.upstreams[service])
        except TooLarge:
            await refuse(exchange, 413, "too-large", f"A body may have {LARGEST_BODY_BYTES} bytes.")
        except Away as error:
            await refuse(exchange, 503, "service-away", f"{error}; nothing was taken. Try again.", retry=True)
        except Broken as error:
            detail = f"{service}: {error}. It may have been done: ask again with the same id or Idempotency-Key."
            await refuse(exchange, 502, "answer-lost", detail, retry=True)

    async def _own(self, exchange: Exchange, path: str) -> None:
        if exchange.method not in ("GET", "HEAD"):
            await refuse(exchange, 405, "method-not-allowed", "GET and HEAD only.", extra=[(b"allow", b"GET, HEAD")])
        elif path in Documents.PATHS:
            status, content_type, body = await self.documents.answer(path)
            await exchange.answer(status, content_type, body)
        else:
            if path in ("/readyz", "/healthz"):
                await self._ask_services()
            found = self.health.answer(path)
            assert found is not None
            await exchange.answer(*found)

    async def _ask_services(self) -> None:
        """Ready = ingest and api are."""
        for name, upstream in self.upstreams.items():
            try:
                status, _ = await upstream.get("/readyz")
                self.health.report(name, up=status == 200, detail="" if status == 200 else f"answers {status}")
            except (Away, Broken) as error:
                self.health.report(name, up=False, detail=str(error))

    async def _forward(self, exchange: Exchange, upstream: Upstream) -> None:
        length = dict(exchange.scope["headers"]).get(b"content-length")
        if length is not None and int(length) > LARGEST_BODY_BYTES:
            raise TooLarge
        connection = await upstream.connection()
        answer = Answer(has_body=exchange.method != "HEAD")
        sending = asyncio.create_task(send_request(exchange, connection))
        try:
            while not answer.has_head:
                await self._receive_or_fail(connection, answer, sending)
            await exchange.start(answer.status, passed_on(answer.headers))
            await self._stream(exchange, connection, answer, sending)
        finally:
            whole = sending.done() and not sending.cancelled() and sending.exception() is None
            if not whole:
                sending.cancel()
                with suppress(asyncio.CancelledError, Broken, ClientGone, TooLarge):
                    await sending
                answer.complete = False
            upstream.give_back(connection, answer)

    async def _receive_or_fail(self, connection: Connection, answer: Answer, sending: asyncio.Task[None]) -> None:
        """More of the answer; a service may answer before it has the whole body, and a client may break off."""
        receiving = asyncio.create_task(connection.receive(answer))
        try:
            waiting: set[asyncio.Task[None]] = {receiving} if sending.done() else {receiving, sending}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                error = sending.exception()
                if isinstance(error, (TooLarge, ClientGone)):
                    raise error
            await receiving
        finally:
            receiving.cancel()

    async def _stream(
        self, exchange: Exchange, connection: Connection, answer: Answer, sending: asyncio.Task[None]
    ) -> None:
        """Each piece is passed on when it comes, so events of a stream arrive one by one."""
        leaving = asyncio.create_task(hang_up_watch(exchange, sending))
        try:
            while True:
                while answer.chunks:
                    await exchange.part(answer.chunks.popleft(), more=True)
                if answer.complete:
                    break
                receiving = asyncio.create_task(connection.receive(answer))
                await asyncio.wait({receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                    raise ClientGone
                receiving.result()
            await exchange.part(b"", more=False)
        finally:
            leaving.cancel()


async def send_request(exchange: Exchange, connection: Connection) -> None:
    headers = forwarded(exchange.scope)
    known = framed(exchange.scope["headers"])
    has_length = any(name == b"content-length" for name, _ in headers)
    if known and not has_length:
        headers.append((b"transfer-encoding", b"chunked"))
    await connection.send(head(exchange.method, exchange.target, headers))
    if known:
        async for part in exchange.body() if has_length else chunked(exchange.body()):
            await connection.send(part)


async def hang_up_watch(exchange: Exchange, sending: asyncio.Task[None]) -> None:
    """Only once the request is whole: until then the body's reader is the one who listens to the client."""
    await asyncio.wait({sending})
    await exchange.gone()


def forwarded(scope: Scope) -> Headers:
    """The client's headers without those of its own connection, and who it is."""
    dropped = HOP_BY_HOP | {b"x-forwarded-for", b"x-forwarded-proto"}
    kept = [(name, value) for name, value in scope["headers"] if name not in dropped]
    client = scope.get("client")
    if client:
        kept.append((b"x-forwarded-for", str(client[0]).encode()))
    return [*kept, (b"x-forwarded-proto", b"http")]


def passed_on(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name not in HOP_BY_HOP]


async def refuse(
    exchange: Exchange, status: int, kind: str, detail: str, *, retry: bool = False, extra: Headers | None = None
) -> None:
    """A problem document (RFC 9457) with family A's members, as its clients come here too.

    Where an answer has begun there is nothing left to say: the connection ends.
    """
    if exchange.began:
        raise ConnectionAbortedError(detail)
    body = {
        "type": PROBLEM + kind,
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "error": True,
        "message": detail,
    }
    headers = [(b"retry-after", b"1")] if retry else []
    await exchange.answer(status, "application/problem+json", json.dumps(body).encode(), headers + (extra or []))
