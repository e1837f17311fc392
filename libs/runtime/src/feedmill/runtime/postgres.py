"""Postgres for the HTTP services: an asyncpg pool behind a circuit.

While Postgres is known to be away every call raises StoreAway at once, nobody waits; a task in the background tries
again and lets calls through as soon as it answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Final, Self, TypeVar

import asyncpg

from feedmill.runtime import logs
from feedmill.runtime.background import background
from feedmill.runtime.connections import Connection as Connection
from feedmill.runtime.connections import Connections
from feedmill.runtime.connections import Row as Row
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Transient
from feedmill.runtime.settings import PostgresSettings

log = logs.get("feedmill.postgres")

ResultT = TypeVar("ResultT")

AWAY_ERRORS: Final = (
    OSError,  # refused, reset, and TimeoutError: Postgres says nothing
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.InsufficientResourcesError,  # no connection left, disk full
    asyncpg.InternalClientError,  # the server said goodbye on an idle connection and has not hung up yet
)

AGAIN_ERRORS: Final = {
    asyncpg.QueryCanceledError: "a statement took too long",
    asyncpg.TransactionRollbackError: "a statement gave way to another",  # a deadlock, among others
}
"""Asked again, it may well be answered: the circuit stays closed."""

TOLD: Final[tuple[type[BaseException], ...]] = (*AWAY_ERRORS, *AGAIN_ERRORS, asyncpg.InterfaceError)
"""What `translated` has a word for; anything else is the caller's."""


class StoreAway(Transient):
    """A store cannot be asked now. Answer 503 with Retry-After; do not wait."""


class Postgres:
    """`async with Postgres(settings, health, application="api") as postgres`; opening never fails for it being away.

    session: server settings each connection begins with.
    """

    def __init__(
        self,
        settings: PostgresSettings,
        health: Health,
        *,
        application: str,
        session: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self.health = health
        self._session = {"application_name": application, **session}
        self._live: Connections | None = None
        self._free = asyncio.Semaphore(settings.pool_size)
        self._silent_s = settings.statement_timeout_s + 1  # the server itself cancels before
        self._lost = asyncio.Event()
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.health.report("postgres", up=False, detail="not connected yet")
        try:
            await self._connect()
        except (*AWAY_ERRORS, asyncpg.PostgresError) as error:
            self._away(error)
        await self._opened.enter_async_context(background(self.health, self._keep_connected()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()
        if self._live is not None:
            self._live.terminate()

    @property
    def up(self) -> bool:
        """Whether a call would be tried."""
        return self._live is not None

    async def fetch(self, sql: str, *arguments: object) -> list[Row]:
        """All rows. The statement is prepared once a connection. Raises StoreAway."""
        async with self._free:
            return await self._asked(asyncpg.Connection.fetch, sql, arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> Row | None:
        """The first row. Raises StoreAway."""
        async with self._free:
            return await self._asked(asyncpg.Connection.fetchrow, sql, arguments)

    async def execute(self, sql: str, *arguments: object) -> str:
        """The command tag, as `UPDATE 1`. Raises StoreAway; then it may or may not have happened."""
        async with self._free:
            return await self._asked(asyncpg.Connection.execute, sql, arguments)

    async def poll(self, sql: str, *, silent_s: float) -> list[Row]:
        """All rows, for the one task that asks all the time: no other call can keep it waiting for a connection.

        Silence longer than `silent_s` opens the circuit, so this is how a frozen Postgres is noticed. Raises StoreAway.
        """
        return await self._asked(asyncpg.Connection.fetch, sql, (), silent_s)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction. Raises StoreAway; at the end of the block it may have committed."""
        async with self._free, self._taken(self._silent_s) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def hearing(self, channel: str, told: Callable[[str], None]) -> AsyncIterator[asyncio.Event]:
        """Inside the block `told` is called with each notice on the channel; the event is set once no more can come.

        A connection of its own. Raises StoreAway. Notices are hints: what is said while nobody hears is lost.
        """
        if self._live is None:
            raise StoreAway("postgres is away")
        lost = asyncio.Event()
        try:
            connection = await self._connection()
        except (*AWAY_ERRORS, asyncpg.PostgresError) as error:
            raise StoreAway("postgres is away") from error
        try:
            connection.add_termination_listener(lambda _: lost.set())
            try:
                await connection.add_listener(channel, lambda _connection, _pid, _channel, payload: told(payload))
            except TOLD as error:
                raise StoreAway("postgres is away") from error
            yield lost
        finally:
            connection.terminate()

    async def _asked(
        self,
        method: Callable[..., Awaitable[ResultT]],
        sql: str,
        arguments: tuple[object, ...],
        silent_s: float | None = None,
    ) -> ResultT:
        async with self._taken(silent_s or self._silent_s) as connection:
            return await method(connection, sql, *arguments)

    def _taken(self, silent_s: float) -> "_Taken":
        if self._live is None:
            raise StoreAway("postgres is away")
        return _Taken(self, self._live, silent_s)

    def translated(self, error: BaseException, live: Connections) -> BaseException:
        """What the caller of a failed question is told; opens the circuit where Postgres is away."""
        for kind, reason in AGAIN_ERRORS.items():
            if isinstance(error, kind):
                return StoreAway(reason)
        if isinstance(error, (asyncpg.InterfaceError, AttributeError)) and not _means_closed(error, live):
            return error  # a bug of ours
        self.give_up(live, error)
        return StoreAway("postgres is away")

    def give_up(self, live: Connections, error: BaseException) -> None:
        """Open the circuit, which ends every call at once, unless it is open or closed anew already."""
        if live is self._live:
            self._away(error)

    def _away(self, error: BaseException) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.terminate()
        reason = type(error).__name__
        self.health.report("postgres", up=False, detail=reason)
        log.warning("postgres_away", reason=reason)
        self._lost.set()

    async def _connect(self) -> None:
        live = Connections(self._connection)
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s * 2):
                await live.open(self._settings.pool_size + 1)  # one is poll()'s
        except BaseException:
            live.terminate()
            raise
        self._live = live
        self.health.report("postgres", up=True)

    async def _connection(self) -> Connection:
        made: Connection = await asyncpg.connect(
            self._settings.dsn.get_secret_value(),
            timeout=self._settings.connect_timeout_s,
            server_settings={
                "statement_timeout": str(int(self._settings.statement_timeout_s * 1_000)),
                "idle_in_transaction_session_timeout": "10000",
                "jit": "off",  # compiling costs more than these queries take
                "timezone": "UTC",
                **self._session,
            },
        )
        return made

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            lost_at_s = monotonic()
            while self._live is None:
                try:
                    await self._connect()
                except (*AWAY_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(self._settings.probe_interval_s)
            self._lost.clear()
            log.info("postgres_back", away_s=round(monotonic() - lost_at_s, 3))


class _Taken:
    """A connection for the time of a block, watched: silence for too long opens the circuit.

    asyncpg's own timeouts first ask the server to cancel and wait for that too: twice as long for a frozen one.
    """

    __slots__ = ("_connection", "_live", "_postgres", "_silent_s", "_watch")

    def __init__(self, postgres: Postgres, live: Connections, silent_s: float) -> None:
        self._postgres = postgres
        self._live = live
        self._silent_s = silent_s

    async def __aenter__(self) -> Connection:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(self._silent_s, self._postgres.give_up, self._live, TimeoutError())
        try:
            self._connection = await self._live.take()
        except BaseException as error:
            self._watch.cancel()
            self._tell(error)
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()
        if isinstance(error, asyncio.CancelledError):
            self._live.drop(self._connection)  # its answer may still come
            return
        self._live.give_back(self._connection)
        self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        if not isinstance(error, TOLD) and not isinstance(error, AttributeError):
            return
        told = self._postgres.translated(error, self._live)
        if told is not error:
            raise told from error


def _means_closed(error: asyncpg.InterfaceError | AttributeError, live: Connections) -> bool:
    """asyncpg has one class for misuse and for a connection closed under a caller; only its words differ. And where the
    connection is ended while it prepares a question, it stumbles over what it has just let go of.
    """
    if isinstance(error, AttributeError):
        return live.closed
    return not isinstance(error, ValueError) and (live.closed or "clos" in str(error))
