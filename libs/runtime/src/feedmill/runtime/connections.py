"""A fixed number of asyncpg connections, handed out last used first.

asyncpg's own pool makes a task and a round trip for each release, about a third of a small query's cost; and whoever
waits in it when Postgres goes away waits on. Who may take is counted outside (see `feedmill.runtime.postgres`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[Row]"


class Connections:
    """One stretch of time during which Postgres answers; `terminate()` ends it for everybody."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self.closed = False

    async def open(self, size: int) -> None:
        """Connect all; raises what the first failure raises, with none left open."""
        made = await asyncio.gather(*(self._made() for _ in range(size)), return_exceptions=True)
        for outcome in made:
            if isinstance(outcome, BaseException):
                self.terminate()
                raise outcome
            self._idle.append(outcome)

    async def take(self) -> Connection:
        """One that nobody uses; a lost one is replaced here."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._all.discard(connection)
        return await self._made()

    def give_back(self, connection: Connection) -> None:
        """What is not as it was taken (closed, inside a transaction) is dropped."""
        if self.closed or connection.is_closed() or connection.is_in_transaction():
            self.drop(connection)
        else:
            self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """Close without a word."""
        self._all.discard(connection)
        connection.terminate()

    def terminate(self) -> None:
        """Close all, also those in use: their callers get an error at once."""
        self.closed = True
        for connection in self._all:
            connection.terminate()
        self._all.clear()

    async def _made(self) -> Connection:
        connection = await self._connect()
        if self.closed:
            connection.terminate()
            raise ConnectionAbortedError
        self._all.add(connection)
        return connection
