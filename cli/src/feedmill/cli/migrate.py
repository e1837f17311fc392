"""Bring both stores to the schema this version needs. The only place that runs DDL; services never do.

Each store remembers in its own `schema_migration` what was applied, with a checksum. A lock in Postgres serves both.
Postgres applies each file in a transaction; ClickHouse has none, so its files are written to be repeatable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg2
from clickhouse_connect.driver.client import Client
from psycopg2.extensions import connection as Connection

from feedmill.cli.config import CliSettings
from feedmill.cli.migration_files import Migration, folder_of, load

LOCK_KEY: Final = 0x66656564_6D696C6C  # "feedmill"
LOCK_TIMEOUT_S: Final = 60


class SchemaError(Exception):
    """What is applied and what the files say cannot both be right."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One migration of one store. `state`: applied, pending, or changed (the file is no longer what was applied)."""

    store: str
    migration: Migration
    state: str


class Store(Protocol):
    name: str

    def prepare(self) -> None:
        """Make the bookkeeping table (and the database, where the store can)."""

    def applied(self) -> dict[int, str]:
        """Version -> checksum; empty where the bookkeeping table is missing."""

    def apply(self, migration: Migration) -> None: ...


class PostgresStore:
    name = "postgres"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def prepare(self) -> None:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration (version int PRIMARY KEY, name text NOT NULL, "
                "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )

    def applied(self) -> dict[int, str]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('schema_migration') IS NOT NULL")
            if cursor.fetchone() != (True,):
                return {}
            cursor.execute("SELECT version, checksum FROM schema_migration")
            return dict(cursor.fetchall())

    def apply(self, migration: Migration) -> None:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(migration.up)
            cursor.execute(
                "INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )


class ClickHouseStore:
    name = "clickhouse"

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database

    def prepare(self) -> None:
        self._client.command(f"CREATE DATABASE IF NOT EXISTS `{self._database}`")
        self._client.database = self._database
        self._client.command(
            "CREATE TABLE IF NOT EXISTS schema_migration (version UInt32, name String, checksum String, "
            "applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = ReplacingMergeTree ORDER BY version"
        )

    def applied(self) -> dict[int, str]:
        known = self._client.command(
            "SELECT count() FROM system.tables WHERE database = {db:String} AND name = 'schema_migration'",
            parameters={"db": self._database},
        )
        if not int(str(known)):
            return {}
        rows = self._client.query(f"SELECT version, checksum FROM `{self._database}`.schema_migration FINAL")  # noqa: S608
        return {int(version): str(checksum) for version, checksum in rows.result_rows}

    def apply(self, migration: Migration) -> None:
        for statement in migration.statements():
            self._client.command(statement)
        self._client.insert(
            "schema_migration",
            [[migration.version, migration.name, migration.checksum]],
            column_names=["version", "name", "checksum"],
        )


def run(postgres_dsn: str, clickhouse_url: str) -> list[Standing]:
    """Apply what is pending in both stores; what was applied now. Repeatable, and safe to run from several places.

    Raises SchemaError where an applied migration is missing or has changed; then nothing is applied.
    """
    with _stores(postgres_dsn, clickhouse_url) as (connection, stores), _locked(connection):
        for store in stores:
            store.prepare()
        pending = [s for s in _standings(stores) if s.state == "pending"]
        for standing in pending:
            next(s for s in stores if s.name == standing.store).apply(standing.migration)
        return pending


def status(postgres_dsn: str, clickhouse_url: str) -> list[Standing]:
    """Every migration of both stores and its state. Changes nothing. Raises SchemaError as `run` does."""
    with _stores(postgres_dsn, clickhouse_url) as (_, stores):
        return _standings(stores)


@contextmanager
def _stores(postgres_dsn: str, clickhouse_url: str) -> Iterator[tuple[Connection, Sequence[Store]]]:
    database = urlsplit(clickhouse_url).path.strip("/") or "feedmill"
    with (
        closing(psycopg2.connect(postgres_dsn, connect_timeout=10)) as connection,
        closing(clickhouse_client(clickhouse_url, database="default")) as client,
    ):
        yield connection, (PostgresStore(connection), ClickHouseStore(client, database))


def clickhouse_client(url: str, **options: Any) -> Client:
    """A client of ClickHouse's HTTP interface; `options` go over what the url says."""
    return clickhouse_connect.get_client(
        dsn=url, interface=urlsplit(url).scheme, autogenerate_session_id=False, connect_timeout=10, **options
    )


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """One runner at a time. The lock is the session's, so it outlives each migration's transaction."""
    ends_s = time.monotonic() + LOCK_TIMEOUT_S
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
            if cursor.fetchone() == (True,):
                break
            if time.monotonic() > ends_s:
                raise SchemaError(f"another runner has held the lock for {LOCK_TIMEOUT_S} s")
            time.sleep(0.1)
        connection.commit()
        try:
            yield
        finally:
            if not connection.closed:
                connection.rollback()
                cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
                connection.commit()


def _standings(stores: Sequence[Store]) -> list[Standing]:
    standings: list[Standing] = []
    for store in stores:
        files, applied = load(folder_of(store.name)), store.applied()
        unknown = sorted(applied.keys() - {m.version for m in files})
        if unknown:
            raise SchemaError(f"{store.name} has migrations that this version does not know: {unknown}")
        standings += [Standing(store.name, m, _state(m, applied.get(m.version))) for m in files]
    changed = [f"{s.store}/{s.migration.label}" for s in standings if s.state == "changed"]
    if changed:
        raise SchemaError(f"changed after they were applied: {', '.join(changed)}; write a new migration instead")
    return standings


def _state(migration: Migration, applied: str | None) -> str:
    if applied is None:
        return "pending"
    return "applied" if applied == migration.checksum else "changed"


def main() -> int:
    """`python -m feedmill.cli.migrate`: what an image runs before the services start; addresses from the settings."""
    given = CliSettings.from_env().given
    missing = [store for store in ("postgres", "clickhouse") if store not in given]
    if missing:
        print(f"no address of {' and '.join(missing)}: set FEEDMILL_POSTGRES_DSN and FEEDMILL_CLICKHOUSE_URL")
        return 2
    for standing in run(given["postgres"], given["clickhouse"]):
        print(f"applied {standing.store}/{standing.migration.label}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
