"""Ends calls to a Postgres that neither answers nor goes away: a frozen one keeps its sockets alive for ever.

psycopg2 waits in C without a limit. So a thread shuts the socket down under a call that takes too long; the call then
ends as a lost connection does.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg2.extensions import connection as Connection

LOOK_S = 0.25


class Watchdog:
    """One thread, asleep while nothing is watched. A process has one connection, so one call at a time.

    Calls that follow each other do not wake it: it looks a few times a second, until one look finds nothing new.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._news = threading.Condition()
        self._watched: tuple[int, float] | None = None
        self._calls = 0
        self._asleep = False
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="postgres-watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """What is done in here ends within the limit, by force if need be."""
        with self._news:
            self._watched = (connection.fileno(), time.monotonic() + self._limit_s)
            self._calls += 1
            if self._asleep:
                self._news.notify()
        try:
            yield
        finally:
            with self._news:
                self._watched = None

    def close(self) -> None:
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _watch(self) -> None:
        seen = 0
        with self._news:
            while not self._closed:
                if self._watched is None and self._calls == seen:
                    self._asleep = True
                    self._news.wait()
                    self._asleep = False
                    continue
                seen = self._calls
                if self._watched is not None and time.monotonic() >= self._watched[1]:
                    _shut_down(self._watched[0])
                    self._watched = None
                self._news.wait(LOOK_S)


def _shut_down(descriptor: int) -> None:
    """The connection keeps its descriptor and finds the other side gone."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as shared:
        shared.shutdown(socket.SHUT_RDWR)
