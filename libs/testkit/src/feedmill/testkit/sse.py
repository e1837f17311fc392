"""A client of server-sent events, as a browser's EventSource is one: it remembers the last id."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

from feedmill.testkit.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Told:
    event: str
    id: str
    data: Any


@dataclass(slots=True)
class Listening:
    """`with Listening(url, key) as stream: stream.next("activity")`; read by a thread, so nothing is held back."""

    url: str
    key: str
    last_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    ended: bool = False
    heartbeats: int = 0
    _told: queue.Queue[Told] = field(default_factory=queue.Queue)
    _client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30))
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        wait_until(lambda: self.status or self.ended, "the stream to begin")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def next(self, event: str | None = None, within_s: float = 10.0) -> Told:
        """The next message; AssertionError where it is another event, or none comes."""
        try:
            told = self._told.get(timeout=within_s)
        except queue.Empty:
            raise AssertionError(f"nothing was told within {within_s} s (wanted {event})") from None
        assert event is None or told.event == event, told
        return told

    def nothing_waits(self) -> bool:
        return self._told.empty()

    def _listen(self) -> None:
        sent = {"X-App-Key": self.key, **self.headers} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        try:
            with self._client.stream("GET", self.url, headers=sent) as answer:
                self.status = answer.status_code
                if answer.status_code == 200:
                    self._read(answer)
        except (httpx2.HTTPError, RuntimeError, OSError):
            pass  # it ended, one way or the other
        finally:
            self.ended = True

    def _read(self, answer: httpx2.Response) -> None:
        event, data = "message", ""
        for line in _lines(answer):
            name, _, value = line.partition(": ")
            match name:
                case "":
                    if line.startswith(":") or value == "heartbeat":
                        self.heartbeats += 1
                    elif data:
                        self._told.put(Told(event, self.last_id, json.loads(data)))
                        event, data = "message", ""
                case "event":
                    event = value
                case "data":
                    data += value
                case "id":
                    self.last_id = value


def _lines(answer: httpx2.Response) -> Iterator[str]:
    """Lines end with a newline and nothing else: U+2028 in a text ends none."""
    rest = b""
    for chunk in answer.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)
