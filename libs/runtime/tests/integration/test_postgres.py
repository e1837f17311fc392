"""Postgres behind a circuit: away is known at once, back is noticed without being asked."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from feedmill.runtime.applied import POLL_TIMEOUT_S
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres, StoreAway
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.network import Network, Weather
from feedmill.testkit.running import RunningPostgres

pytestmark = pytest.mark.integration


def settings(dsn: str, **more: Any) -> PostgresSettings:
    return PostgresSettings.model_validate({"dsn": SecretStr(dsn), "pool_size": 2, "probe_interval_s": 0.05} | more)


def run(test: Callable[[Postgres, Health], Coroutine[Any, Any, None]], given: PostgresSettings) -> None:
    async def opened() -> None:
        health = Health("api")
        async with Postgres(given, health, application="test", session={"work_mem": "5MB"}) as postgres:
            await test(postgres, health)

    asyncio.run(opened())


async def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.01)


async def refused_at_once(postgres: Postgres) -> None:
    began_s = time.monotonic()
    with pytest.raises(StoreAway):
        await postgres.fetch("SELECT 1")
    assert time.monotonic() - began_s < 0.4, "longer than it takes to find out that nobody is there"


def test_rows_commands_and_transactions(database: str) -> None:
    async def test(postgres: Postgres, health: Health) -> None:
        assert postgres.up
        assert health.ready
        await postgres.execute("CREATE TABLE t (n int)")
        assert await postgres.execute("INSERT INTO t VALUES (1), (2)") == "INSERT 0 2"
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with postgres.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES (3)")
                raise ZeroDivisionError
        async with postgres.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES ($1)", 4)
        assert [row["n"] for row in await postgres.fetch("SELECT n FROM t ORDER BY n")] == [1, 2, 4]
        assert await postgres.fetchrow("SELECT n FROM t WHERE n = 3") is None
        shown = await postgres.fetchrow("SELECT current_setting('work_mem'), current_setting('jit')")
        assert tuple(shown or ()) == ("5MB", "off")

    run(test, settings(database))


def test_a_statement_that_is_wrong_or_slow_does_not_open_the_circuit(database: str) -> None:
    async def test(postgres: Postgres, health: Health) -> None:
        with pytest.raises(asyncpg.UndefinedTableError):
            await postgres.fetch("SELECT * FROM nowhere")
        with pytest.raises(asyncpg.DataError):
            await postgres.fetch("SELECT $1::int", "not a number")
        with pytest.raises(StoreAway, match="too long"):
            await postgres.fetch("SELECT pg_sleep(30)")
        assert postgres.up
        assert health.ready

    run(test, settings(database, statement_timeout_s=0.2))


def test_a_statement_that_loses_a_deadlock_is_to_be_asked_again(database: str) -> None:
    async def test(postgres: Postgres, health: Health) -> None:
        await postgres.execute("CREATE TABLE one (n int)")
        await postgres.execute("CREATE TABLE two (n int)")
        other = await asyncpg.connect(database, server_settings={"deadlock_timeout": "1min"})  # never the one to lose
        async with other.transaction():
            await other.execute("LOCK TABLE two")
            asked = asyncio.create_task(postgres.execute("INSERT INTO one SELECT n FROM two"))
            async with asyncio.timeout(20):
                while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 (a lock tells nobody)
                    await asyncio.sleep(0.01)
            await other.execute("LOCK TABLE one")
        with pytest.raises(StoreAway, match="gave way"):
            await asked
        await other.close()
        assert postgres.up
        assert health.ready
        assert await postgres.execute("INSERT INTO one SELECT n FROM two") == "INSERT 0 0"

    run(test, settings(database))


def test_a_lost_connection_is_replaced(database: str) -> None:
    async def test(postgres: Postgres, _: Health) -> None:
        with suppress(StoreAway):
            await postgres.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            )
        await until(lambda: postgres.up)
        assert (await postgres.fetch("SELECT 1 AS n"))[0]["n"] == 1

    run(test, settings(database))


@pytest.mark.parametrize("away", [True, False], ids=["away meanwhile", "a bug of ours"])
def test_what_asyncpg_stumbles_over_is_a_store_away_where_the_circuit_opened_meanwhile(
    database: str, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    async def test(postgres: Postgres, _: Health) -> None:
        async def stumbles(connection: Any, sql: str, *arguments: object) -> Any:
            if sql != question:  # another one's: apps of other tests may live as long as this process
                return await fetch(connection, sql, *arguments)
            if away:
                live = vars(postgres)["_live"]
                postgres.give_up(live, ConnectionResetError())
            raise AttributeError("'NoneType' object has no attribute 'get_settings'")

        question, fetch = "SELECT 'mine'", asyncpg.Connection.fetch
        monkeypatch.setattr(asyncpg.Connection, "fetch", stumbles)
        with pytest.raises(StoreAway if away else AttributeError):
            await postgres.fetch(question)

    run(test, settings(database))


def test_away_is_known_at_once_and_back_is_noticed(postgres: RunningPostgres, bench: Any, database: str) -> None:
    async def test(store: Postgres, health: Health) -> None:
        postgres.part.kill()
        with pytest.raises(StoreAway):
            await store.fetch("SELECT 1")
        await refused_at_once(store)
        with pytest.raises(StoreAway):
            async with store.transaction():
                pass
        assert not health.ready
        bench.launch(postgres.part)
        await asyncio.to_thread(postgres.part.wait_ready)
        await until(lambda: store.up)
        assert health.ready
        await store.fetch("SELECT 1")

    try:
        run(test, settings(database))
    finally:
        if not postgres.part.running():
            bench.launch(postgres.part)
            postgres.part.wait_ready()


def test_nobody_waits_on_a_frozen_postgres_longer_than_the_first(postgres: RunningPostgres, database: str) -> None:
    async def test(store: Postgres, _: Health) -> None:
        processes = frozen(postgres)
        try:
            began_s = time.monotonic()
            asked = [asyncio.create_task(store.fetch("SELECT 1")) for _ in range(6)]
            await asyncio.sleep(0)
            with pytest.raises(StoreAway):
                await store.poll("SELECT 1", silent_s=0.5)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(answer, StoreAway) for answer in answers)
            assert time.monotonic() - began_s < 4
            await refused_at_once(store)
        finally:
            thaw(processes)
        await until(lambda: store.up)

    run(test, settings(database, connect_timeout_s=0.5))


def test_opening_does_not_fail_while_postgres_is_away(database: str) -> None:
    async def test(store: Postgres, health: Health) -> None:
        assert not store.up
        assert not health.ready
        await refused_at_once(store)

    run(test, settings("postgresql://feedmill:x@127.0.0.1:1/nowhere"))
    run(test, settings(database + "_that_does_not_exist"))


def test_a_postgres_half_a_second_away_is_slow_and_not_away(postgres: RunningPostgres) -> None:
    async def test(store: Postgres, _: Health) -> None:
        assert store.up
        polls = [store.poll("SELECT 1 AS n", silent_s=POLL_TIMEOUT_S) for _ in range(8)]
        assert [rows[0]["n"] for rows in await asyncio.gather(*polls)] == [1] * 8

    with Network() as network:
        link = network.link(urlsplit(postgres.dsn).port or 5432)
        link.weather(Weather(latency_s=0.25))
        run(test, PostgresSettings(dsn=SecretStr(through(postgres.dsn, link.port))))


def through(dsn: str, port: int) -> str:
    """The same database by another port."""
    address = urlsplit(dsn)
    return address._replace(netloc=address.netloc.replace(f":{address.port}", f":{port}")).geturl()


def frozen(postgres: RunningPostgres) -> list[int]:
    """Every process of the server, stopped: its backends are in sessions of their own."""
    leader = postgres.part.pid
    pids = [int(pid) for pid in (str(leader), *Path(f"/proc/{leader}/task/{leader}/children").read_text().split())]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    return pids


def thaw(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Goodbye:
    """A proxy in front of Postgres that can speak in its name: what a server that shuts down says to the idle."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._clients: list[asyncio.StreamWriter] = []

    async def serve(self) -> int:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.append(writer)
        from_store, to_store = await asyncio.open_connection(*self._upstream)
        await asyncio.gather(pump(reader, to_store), pump(from_store, writer))

    def say(self) -> None:
        fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
        for client in self._clients:
            client.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    async def close(self) -> None:
        """Once every client has gone."""
        self._server.close()
        await until(lambda: len(asyncio.all_tasks()) == 1)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def test_a_goodbye_on_an_idle_connection_is_a_store_away_and_no_bug(postgres: RunningPostgres) -> None:
    address = urlsplit(postgres.dsn)

    async def test() -> None:
        proxy = Goodbye(address.hostname or "", address.port or 5432)
        port = await proxy.serve()
        async with Postgres(settings(through(postgres.dsn, port)), Health("api"), application="test") as store:
            await store.fetch("SELECT 1")
            proxy.say()
            await asyncio.sleep(0.1)
            with pytest.raises(StoreAway):
                await store.poll("SELECT 1", silent_s=1)
            await until(lambda: store.up)
            assert await store.fetch("SELECT 1")
        await proxy.close()

    asyncio.run(test())
