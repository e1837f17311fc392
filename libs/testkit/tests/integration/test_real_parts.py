from __future__ import annotations

import urllib.request
from collections.abc import Callable

import psycopg2
import pytest

from feedmill.contracts.topics import Topic
from feedmill.runtime.kafka import Admin
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.parts import Stores
from feedmill.testkit.running import RunningClickHouse, RunningKafka, RunningPostgres

pytestmark = pytest.mark.integration


def test_kafka_takes_a_topic(kafka: RunningKafka, topic_name: Callable[[str], str]) -> None:
    name = topic_name("raw")
    admin = Admin(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))
    assert admin.create_topics([Topic(name, 2, 1_000_000)]) == [name]


def test_each_test_has_a_database_of_its_own(postgres: RunningPostgres, database: str) -> None:
    connection = psycopg2.connect(database)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_setting('server_version_num')::int / 10000")
        name, major = cursor.fetchone() or ("", 0)
    connection.close()
    assert name != "feedmill"
    assert major == 16


def test_clickhouse_keeps_what_it_took_through_a_kill(clickhouse: RunningClickHouse) -> None:
    ask(clickhouse, "CREATE TABLE kept (n Int64) ENGINE MergeTree ORDER BY n")
    ask(clickhouse, "INSERT INTO kept VALUES (41), (42)")
    clickhouse.part.kill()
    clickhouse.part.start()
    clickhouse.part.wait_ready()
    assert ask(clickhouse, "SELECT max(n) FROM kept") == "42"
    ask(clickhouse, "DROP TABLE kept")


def test_clickhouse_never_makes_inserts_asynchronous_by_itself(clickhouse: RunningClickHouse) -> None:
    assert ask(clickhouse, "SELECT getSetting('async_insert')") in ("0", "false")


def test_both_stores_come_migrated(migrated: Stores) -> None:
    connection = psycopg2.connect(migrated.postgres_dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM activity")
        assert cursor.fetchone() == (0,)
    connection.close()


def ask(clickhouse: RunningClickHouse, query: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{clickhouse.http_port}/?database=feedmill", query.encode())
    request.add_header("X-ClickHouse-User", "feedmill")
    request.add_header("X-ClickHouse-Key", "feedmill")
    with urllib.request.urlopen(request, timeout=10) as reply:
        return str(reply.read().decode()).strip()
