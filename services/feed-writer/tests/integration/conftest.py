"""What the sinks' tests share: stores of their own, and guards to switch off."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from clickhouse_connect.driver.client import Client

from feedmill.cli import migrate, rebuild
from feedmill.cli.migrate import clickhouse_client
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.settings import ClickHouseSinkSettings, PostgresSinkSettings
from feedmill.runtime import failpoints
from feedmill.runtime.failpoints import Guard
from feedmill.runtime.health import Health
from feedmill.testkit.parts import execute
from feedmill.testkit.reader import a_reader
from feedmill.testkit.running import RunningClickHouse, RunningPostgres
from feedmill.testkit.stage import Stage
from feedmill.testkit.state import Seed


@pytest.fixture(scope="session")
def own_stores(postgres: RunningPostgres, clickhouse: RunningClickHouse) -> tuple[str, str]:
    """The addresses of two migrated stores that nobody else uses."""
    name = f"sinks_{uuid.uuid4().hex}"
    execute(postgres.dsn, f"CREATE DATABASE {name}")
    dsn, url = postgres.dsn_of(name), f"{clickhouse.url.rpartition('/')[0]}/{name}"
    migrate.run(dsn, url)
    return dsn, url


@pytest.fixture
def stores(own_stores: tuple[str, str]) -> tuple[str, str]:
    """Both empty, at the start of every log."""
    dsn, url = own_stores
    rebuild.empty_postgres(dsn)
    execute(dsn, "DELETE FROM sink_position")
    rebuild.empty_clickhouse(url)
    return own_stores


@pytest.fixture
def health() -> Health:
    return Health("feed-writer")


@pytest.fixture
def postgres_store(stores: tuple[str, str], health: Health) -> Iterator[Callable[[], PostgresStore]]:
    """Makes stores on the same database, as several processes would."""
    made: list[PostgresStore] = []

    def make() -> PostgresStore:
        made.append(PostgresStore(stores[0], PostgresSinkSettings(), Contact(health, "postgres")))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def clickhouse_store(stores: tuple[str, str], health: Health) -> Iterator[ClickHouseStore]:
    store = ClickHouseStore(stores[1], ClickHouseSinkSettings(), Contact(health, "clickhouse"))
    yield store
    store.close()


@pytest.fixture
def warehouse(stores: tuple[str, str]) -> Iterator[Client]:
    with clickhouse_client(stores[1]) as client:
        yield client


@pytest.fixture
def guard_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[Guard], None]:
    def switch_off(guard: Guard) -> None:
        monkeypatch.setattr(failpoints, "_off", frozenset({guard}))

    return switch_off


@pytest.fixture
def stage(stores: tuple[str, str], postgres_store: Callable[[], PostgresStore]) -> Iterator[Stage]:
    """Users 1 to 6; 1 follows 2 and 3, whose posts 10 and 11 are old, and has read its feed."""
    with Seed(stores[0]) as seed, a_reader(stores[0]) as reader:
        seed.clear()
        for number, key in enumerate(("abc123", *[None] * 5), start=1):
            assert seed.user(f"u{number}", key=key) == number
        made = Stage(stores[0], postgres_store(), reader)
        made.posts(2, 10)
        made.posts(3, 11)
        made.happens("follow", 1, 2)
        made.happens("follow", 1, 3)
        assert made.home() == [11, 10]
        made.tend()
        yield made
