"""One client's stream: a bounded queue, and the response that empties it."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Stream:
    """`put` never waits: a client that does not keep up is dropped, and comes again with its last id."""

    __slots__ = (
        *("_abort", "_bytes", "_held", "_queue", "_queue_max", "_queue_max_bytes", "_wake"),
        *("closed", "headers", "reader_id", "since_s"),
    )

    def __init__(self, reader_id: int, headers: Mapping[str, str], queue_max: int, queue_max_bytes: int) -> None:
        self.reader_id = reader_id
        self.headers = headers
        self.since_s = monotonic()
        self.closed = ""
        self._queue: deque[bytes] = deque()
        self._queue_max = queue_max
        self._queue_max_bytes = queue_max_bytes
        self._bytes = 0
        self._held = False
        self._wake = asyncio.Event()
        self._abort: Callable[[], None] | None = None

    def put(self, chunk: bytes) -> None:
        if self.closed:
            return
        if len(self._queue) >= self._queue_max or self._bytes >= self._queue_max_bytes:
            self.close("slow")
            return
        self._queue.append(chunk)
        self._bytes += len(chunk)
        self._wake.set()

    def close(self, reason: str) -> None:
        """Ends the response; a slow client's connection is cut, as it would take nothing more."""
        self.closed = self.closed or reason
        self._wake.set()
        if self.closed == "slow" and self._abort is not None:
            self._abort()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def hold(self) -> None:
        """Nothing is sent before `release`: who is told `open` is let in."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self._wake.set()

    async def next_chunk(self) -> bytes:
        """All that waits; empty once closed."""
        while (self._held or not self._queue) and not self.closed:
            self._wake.clear()
            await self._wake.wait()
        if self.closed == "slow":
            return b""
        chunk = b"".join(self._queue)
        self._queue.clear()
        self._bytes = 0
        return chunk

    def cut_by(self, abort: Callable[[], None] | None) -> None:
        """How the connection under this stream is cut."""
        self._abort = abort


class Visit(Protocol):
    """What is done for a stream while its response is served."""

    def begin(self) -> None:
        """Before anything is sent. Raises Problem: then nothing else is done."""

    async def enter(self) -> None:
        """Runs beside the response; what it raises ends it."""

    def leave(self) -> None:
        """At the end, whoever ended it."""


class EventStream(Response):
    """Serves a stream until either side ends it."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream, visit: Visit, more: dict[str, str]) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._stream, self._visit = stream, visit
        self.init_headers({**HEADERS, **more})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Head, then chunks as they come. A client that goes away is done with at once, let in or not."""
        stream = self._stream
        self._visit.begin()
        stream.hold()
        stream.cut_by(_abort_of(receive))
        gone = asyncio.create_task(_hang_up(receive, stream))
        entering = asyncio.create_task(self._visit.enter())
        entering.add_done_callback(lambda task: _entered(task, stream))
        try:
            await self._send(send)
        finally:
            stream.close("gone")
            self._visit.leave()
            gone.cancel()
        if stream.closed == "failed":
            await entering

    async def _send(self, send: Send) -> None:
        stream = self._stream
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while chunk := await stream.next_chunk():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if stream.closed not in ("slow", "gone", "failed"):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _entered(entering: asyncio.Task[None], stream: Stream) -> None:
    if not entering.cancelled() and entering.exception() is not None:
        stream.close("failed")
    stream.release()


async def _hang_up(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close("gone")


def _abort_of(receive: Receive) -> Callable[[], None] | None:
    """uvicorn closes a connection only once all is written, which a client that reads nothing never lets happen."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    abort: Callable[[], None] | None = getattr(transport, "abort", None)
    return abort
