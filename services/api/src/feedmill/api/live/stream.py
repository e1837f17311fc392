"""One client's stream: a bounded queue, and the response that empties it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from time import monotonic
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Stream:
    """`put` never waits: a client that does not keep up is dropped, and comes again with its last id."""

    __slots__ = ("_abort", "_queue", "_queue_max", "_wake", "closed", "headers", "reader_id", "since_s")

    def __init__(self, reader_id: int, headers: Mapping[str, str], queue_max: int) -> None:
        self.reader_id = reader_id
        self.headers = headers
        self.since_s = monotonic()
        self.closed = ""
        self._queue: deque[bytes] = deque()
        self._queue_max = queue_max
        self._wake = asyncio.Event()
        self._abort: Callable[[], None] | None = None

    def put(self, chunk: bytes) -> None:
        if self.closed:
            return
        if len(self._queue) >= self._queue_max:
            self.close("slow")
            return
        self._queue.append(chunk)
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

    async def next_chunk(self) -> bytes:
        """All that waits; empty once closed."""
        while not self._queue and not self.closed:
            self._wake.clear()
            await self._wake.wait()
        if self.closed == "slow":
            return b""
        chunk = b"".join(self._queue)
        self._queue.clear()
        return chunk

    def cut_by(self, abort: Callable[[], None] | None) -> None:
        """How the connection under this stream is cut."""
        self._abort = abort


class EventStream(Response):
    """Serves a stream until either side ends it; `opened(stream)` runs beside it, `left(stream)` at its end."""

    media_type = "text/event-stream"

    def __init__(
        self,
        stream: Stream,
        enter: Callable[[], Coroutine[Any, Any, None]],
        leave: Callable[[], None],
        more: dict[str, str],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._stream, self._enter, self._leave = stream, enter, leave
        self.init_headers({**HEADERS, **more})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Head, then chunks as they come."""
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        stream = self._stream
        stream.cut_by(_abort_of(receive))
        gone = asyncio.create_task(_hang_up(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._enter()
            while chunk := await stream.next_chunk():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if stream.closed not in ("slow", "gone"):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._leave()
            gone.cancel()


async def _hang_up(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close("gone")


def _abort_of(receive: Receive) -> Callable[[], None] | None:
    """uvicorn closes a connection only once all is written, which a client that reads nothing never lets happen."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    abort: Callable[[], None] | None = getattr(transport, "abort", None)
    return abort
