"""What the local ClickHouse rests on: a private function of `chdb-core`. A new version of it must keep all this."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from feedmill.testkit.ports import free
from feedmill.testkit.running import Bench, RunningClickHouse, start_clickhouse

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[RunningClickHouse]:
    """One of this module's own: it is stopped and killed here."""
    with Bench() as bench:
        yield start_clickhouse(bench)


def client(server: RunningClickHouse, user: str = "feedmill") -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=server.http_port, username=user, password=user, database="feedmill"
    )


@pytest.fixture
def kept(server: RunningClickHouse) -> Iterator[str]:
    connection = client(server)
    connection.command("CREATE TABLE kept (n Int64) ENGINE ReplacingMergeTree ORDER BY n")
    connection.command("INSERT INTO kept VALUES (1), (2), (3)")
    yield "kept"
    client(server).command("DROP TABLE kept")


def test_an_unmodified_client_works(server: RunningClickHouse, kept: str) -> None:
    assert client(server).query(f"SELECT sum(n) FROM {kept}").result_rows == [(6,)]


def test_it_listens_for_the_native_protocol_too(server: RunningClickHouse) -> None:
    assert not free(server.launcher.tcp_port)


def test_sigterm_ends_it_cleanly_and_data_stays(server: RunningClickHouse, kept: str) -> None:
    assert server.part.stop() == 0
    server.part.start()
    server.part.wait_ready()
    assert client(server).query(f"SELECT count() FROM {kept}").result_rows == [(3,)]


def test_it_survives_sigkill(server: RunningClickHouse, kept: str) -> None:
    server.part.signal(signal.SIGKILL)
    server.part.kill()
    server.part.start()
    server.part.wait_ready()
    assert client(server).query(f"SELECT count() FROM {kept}").result_rows == [(3,)]


def test_a_repeated_insert_with_its_token_is_dropped_also_after_a_kill(server: RunningClickHouse) -> None:
    settings = "SETTINGS non_replicated_deduplication_window = 100"
    client(server).command(f"CREATE TABLE once (n Int64) ENGINE MergeTree ORDER BY n {settings}")
    for _ in range(2):
        client(server).command("INSERT INTO once SETTINGS insert_deduplication_token = 't/0:1-2' VALUES (1), (2)")
        server.part.kill()
        server.part.start()
        server.part.wait_ready()
    assert client(server).query("SELECT count() FROM once").result_rows == [(2,)]
    client(server).command("DROP TABLE once")


def test_inserts_are_synchronous(server: RunningClickHouse) -> None:
    assert client(server).query("SELECT getSetting('async_insert')").result_rows in ([(0,)], [(False,)])


def test_an_analyst_reads_and_does_nothing_else(server: RunningClickHouse, kept: str) -> None:
    analyst = client(server, "analyst")
    assert analyst.query(f"SELECT max(n) FROM {kept}").result_rows == [(3,)]
    for forbidden in (
        f"INSERT INTO {kept} VALUES (4)",
        f"DROP TABLE {kept}",
        f"SELECT count() FROM {kept} SETTINGS max_threads = 16",
        "SELECT * FROM url('http://127.0.0.1/', LineAsString)",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
    ):
        with pytest.raises(DatabaseError):
            analyst.query(forbidden)
