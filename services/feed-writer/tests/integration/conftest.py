"""What the sinks' tests share: stores of their own, and guards to switch off."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from clickhouse_connect.driver.client import Client

from feedmill.cli import migrate
from feedmill.cli.migrate import clickhouse_client
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.contact import Contact
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.settings import ClickHouseSinkSettings, PostgresSinkSettings
from feedmill.runtime import failpoints
from feedmill.runtime.failpoints import Guard
from feedmill.runtime.health import Health
from feedmill.testkit.running import RunningClickHouse


@pytest.fixture
def stores(database: str, clickhouse: RunningClickHouse) -> Iterator[tuple[str, str]]:
    """The addresses of two migrated stores of the test's own."""
    base, _, _ = clickhouse.url.rpartition("/")
    url = f"{base}/test_{uuid.uuid4().hex}"
    migrate.run(database, url)
    yield database, url
    with clickhouse_client(clickhouse.url) as client:
        client.command(f"DROP DATABASE {url.rpartition('/')[2]}")


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
