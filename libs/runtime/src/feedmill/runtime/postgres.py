"""Postgres for the HTTP services: an asyncpg pool behind a circuit.

While Postgres is known to be away every call raises StoreAway at once, nobody waits; a task in the background tries
again and lets calls through as soon as it answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Final, Self, TypeVar

import asyncpg
from asyncpg.pool import Pool, PoolConnectionProxy

from feedmill.runtime import logs
from feedmill.runtime.background import background
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import Transient
from feedmill.runtime.settings import PostgresSettings

log = logs.get("feedmill.postgres")

ResultT = TypeVar("ResultT")
Connection = PoolConnectionProxy
Row = asyncpg.Record

AWAY_ERRORS: Final = (
    OSError,  # refused, reset, and TimeoutError: Postgres says nothing
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up
    asyncpg.InsufficientResourcesError,  # no connection left, disk full
)


class StoreAway(Transient):
    """Postgres cannot be asked now. Answer 503 with Retry-After; do not wait."""


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
        self._pool: Pool[Row] | None = None
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
        if self._pool is not None:
            self._pool.terminate()

    @property
    def up(self) -> bool:
        """Whether a call would be tried."""
        return self._pool is not None

    async def fetch(self, sql: str, *arguments: object) -> list[Row]:
        """All rows. The statement is prepared once a connection. Raises StoreAway."""
        async with self._free:
            return await self._guarded(lambda pool: pool.fetch(sql, *arguments))

    async def fetchrow(self, sql: str, *arguments: object) -> Row | None:
        """The first row. Raises StoreAway."""
        async with self._free:
            return await self._guarded(lambda pool: pool.fetchrow(sql, *arguments))

    async def execute(self, sql: str, *arguments: object) -> str:
        """The command tag, as `UPDATE 1`. Raises StoreAway; then it may or may not have happened."""
        async with self._free:
            return await self._guarded(lambda pool: pool.execute(sql, *arguments))

    async def poll(self, sql: str, *, silent_s: float) -> list[Row]:
        """All rows, for the one task that asks all the time: no other call can keep it waiting for a connection.

        Silence longer than `silent_s` opens the circuit, so this is how a frozen Postgres is noticed. Raises StoreAway.
        """
        return await self._guarded(lambda pool: pool.fetch(sql), silent_s)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Connection[Row]"]:
        """A connection inside a transaction. Raises StoreAway; at the end of the block it may have committed."""
        async with self._free:
            pool = self._open_pool()
            watch = self._watched(pool, self._silent_s)
            try:
                async with pool.acquire() as connection, connection.transaction():
                    yield connection
            except (*AWAY_ERRORS, asyncpg.InterfaceError) as error:
                raise self._translated(error, pool) from error
            finally:
                watch.cancel()

    def _open_pool(self) -> "Pool[Row]":
        if self._pool is None:
            raise StoreAway("postgres is away")
        return self._pool

    async def _guarded(
        self, ask: Callable[["Pool[Row]"], Awaitable[ResultT]], silent_s: float | None = None
    ) -> ResultT:
        pool = self._open_pool()
        watch = self._watched(pool, silent_s or self._silent_s)
        try:
            return await ask(pool)
        except (*AWAY_ERRORS, asyncpg.InterfaceError) as error:
            raise self._translated(error, pool) from error
        finally:
            watch.cancel()

    def _watched(self, pool: "Pool[Row]", silent_s: float) -> asyncio.TimerHandle:
        """After so long open the circuit, which ends every call at once.

        asyncpg's own timeouts first ask the server to cancel, and wait for that too: twice as long for a frozen one.
        """

        def give_up() -> None:
            if pool is self._pool:
                self._away(TimeoutError())

        return asyncio.get_running_loop().call_later(silent_s, give_up)

    def _translated(self, error: Exception, pool: "Pool[Row]") -> Exception:
        if isinstance(error, asyncpg.QueryCanceledError):
            return StoreAway("a statement took too long")  # slow, not away: the circuit stays closed
        if isinstance(error, asyncpg.InterfaceError) and not _means_closed(error, pool):
            return error  # a bug of ours
        if pool is self._pool:
            self._away(error)
        return StoreAway("postgres is away")

    def _away(self, error: Exception) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()
        reason = type(error).__name__
        self.health.report("postgres", up=False, detail=reason)
        log.warning("postgres_away", reason=reason)
        self._lost.set()

    async def _connect(self) -> None:
        pool = asyncpg.create_pool(
            self._settings.dsn.get_secret_value(),
            min_size=self._settings.pool_size + 1,  # one is poll()'s
            max_size=self._settings.pool_size + 1,
            max_inactive_connection_lifetime=0,
            timeout=self._settings.connect_timeout_s,
            reset=_keep_as_is,
            server_settings={
                "statement_timeout": str(int(self._settings.statement_timeout_s * 1_000)),
                "idle_in_transaction_session_timeout": "10000",
                "jit": "off",  # compiling costs more than these queries take
                "timezone": "UTC",
                **self._session,
            },
        )
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s * 2):
                await pool
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # not even begun
                pool.terminate()
            raise
        self._pool = pool
        self.health.report("postgres", up=True)

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            lost_at_s = monotonic()
            while self._pool is None:
                try:
                    await self._connect()
                except (*AWAY_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(self._settings.probe_interval_s)
            self._lost.clear()
            log.info("postgres_back", away_s=round(monotonic() - lost_at_s, 3))


async def _keep_as_is(_: object) -> None:
    """Our sessions change nothing of themselves: asyncpg's reset would be a round trip on every release."""


def _means_closed(error: asyncpg.InterfaceError, pool: "Pool[Row]") -> bool:
    """asyncpg has one class for misuse and for a connection closed under a caller; only its words differ."""
    return not isinstance(error, ValueError) and (pool.is_closing() or "clos" in str(error))
