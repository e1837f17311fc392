"""One request of a client, and the answer it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from feedmill.cli.gateway.upstream import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY_BYTES = 11_000_000
"""Above ingest's own limit of 10 MB, so that ingest is the one who says 413 with its reasons."""


class TooLarge(Exception):
    """The body is larger than any service takes."""


class ClientGone(Exception):
    """The client hung up before its request was complete."""


@dataclass(slots=True)
class Exchange:
    """One request on its way. `began`: the client has the head of an answer, so no other answer can be given."""

    scope: Scope
    receive: Receive
    send: Send
    status: int = 0
    began: bool = False

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def target(self) -> bytes:
        raw: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        query: bytes = self.scope["query_string"]
        return raw + (b"?" + query if query else b"")

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes. Raises TooLarge or ClientGone."""
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > LARGEST_BODY_BYTES:
                raise TooLarge
            if part:
                yield part
            if not message.get("more_body"):
                return

    async def gone(self) -> None:
        """Returns when the client hangs up."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Headers) -> None:
        self.status, self.began = status, True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def part(self, data: bytes, *, more: bool) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, status: int, content_type: str, body: bytes, extra: Headers | None = None) -> None:
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await self.start(status, headers + (extra or []))
        await self.part(b"" if self.method == "HEAD" else body, more=False)
