"""Real Kafka, Postgres and ClickHouse for tests, each started at its first use in a session and gone at its end.

    @pytest.mark.integration
    def test_it(kafka: RunningKafka, database: str, clickhouse: RunningClickHouse) -> None: ...

| fixture | scope | gives |
|---|---|---|
| `kafka` | session | `.bootstrap_servers`; no topics: make your own (`topic_name`), groups too |
| `postgres` | session | `.dsn` of an empty database; `.part` to freeze or kill it |
| `database` | test | the DSN of an empty database of the test's own |
| `state` | test | the DSN of a database of the test's own with the state's tables, empty: see `testkit.state` |
| `shared_state` | session | the like, for tests that empty it themselves: `Seed.clear` |
| `clickhouse` | session | `.url` of an empty database; `.part` |
| `migrated` | session | `Stores(postgres_dsn, clickhouse_url)`: both migrated, shared by the session |
| `topic_name` | test | a function: `topic_name("raw")` is a name nobody else has |

A part that a test kills or freezes is the test's own to bring back: `part.start(); part.wait_ready()`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
import pytest

from feedmill.testkit.running import (
    Bench,
    RunningClickHouse,
    RunningKafka,
    RunningPostgres,
    start_clickhouse,
    start_kafka,
    start_postgres,
)


@dataclass(frozen=True, slots=True)
class Stores:
    postgres_dsn: str
    clickhouse_url: str


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    with Bench() as opened:
        yield opened


@pytest.fixture(scope="session")
def kafka(bench: Bench) -> RunningKafka:
    return start_kafka(bench)


@pytest.fixture(scope="session")
def postgres(bench: Bench) -> RunningPostgres:
    return start_postgres(bench)


@pytest.fixture(scope="session")
def clickhouse(bench: Bench) -> RunningClickHouse:
    return start_clickhouse(bench)


@pytest.fixture(scope="session")
def migrated(postgres: RunningPostgres, clickhouse: RunningClickHouse) -> Stores:
    from feedmill.cli import migrate

    migrate.run(postgres_dsn=postgres.dsn, clickhouse_url=clickhouse.url)
    return Stores(postgres.dsn, clickhouse.url)


@pytest.fixture
def database(postgres: RunningPostgres) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    execute(postgres.dsn, f"CREATE DATABASE {name}")
    yield postgres.dsn_of(name)
    execute(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _schema(postgres: RunningPostgres) -> str:
    """A database with every migration of Postgres, to copy from: 0.1 s instead of one run for each test."""
    from feedmill.cli.migrate import PostgresStore
    from feedmill.cli.migration_files import folder_of, load

    execute(postgres.dsn, "CREATE DATABASE schema_to_copy")
    with closing(psycopg2.connect(postgres.dsn_of("schema_to_copy"))) as connection:
        store = PostgresStore(connection)
        store.prepare()
        for migration in load(folder_of("postgres")):
            store.apply(migration)
    return "schema_to_copy"


@pytest.fixture
def state(postgres: RunningPostgres, _schema: str) -> Iterator[str]:
    with _copied(postgres, _schema) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def shared_state(postgres: RunningPostgres, _schema: str) -> Iterator[str]:
    with _copied(postgres, _schema) as dsn:
        yield dsn


@contextmanager
def _copied(postgres: RunningPostgres, schema: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    execute(postgres.dsn, f"CREATE DATABASE {name} TEMPLATE {schema}")
    yield postgres.dsn_of(name)
    execute(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    mark = uuid.uuid4().hex[:12]
    return lambda name: f"{name}.{mark}"


def execute(dsn: str, statement: str) -> None:
    """One statement outside a transaction."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
