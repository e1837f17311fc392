"""The analyst reads facts and views, within limits that are the server's, and can do nothing else."""

from __future__ import annotations

import pytest

from warehouse.analyst import Analyst, Refused, native_hello
from warehouse.conftest import Mill
from warehouse.town import Town

pytestmark = pytest.mark.integration

ESCAPES = (
    "INSERT INTO feedmill.fact_activity (event_id) VALUES (generateUUIDv4())",
    "INSERT INTO FUNCTION file('/tmp/out.csv') SELECT 1",
    "SELECT * FROM feedmill.article INTO OUTFILE '/tmp/out.csv'",
    "CREATE TABLE feedmill.mine (x Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (x Int8)",
    "CREATE VIEW analytics.mine AS SELECT 1",
    "CREATE DATABASE mine",
    "CREATE FUNCTION mine AS x -> x",
    "CREATE USER mine",
    "DROP TABLE feedmill.fact_activity",
    "DROP VIEW analytics.articles",
    "TRUNCATE TABLE feedmill.article",
    "ALTER TABLE feedmill.article DELETE WHERE 1",
    "ALTER TABLE feedmill.article UPDATE readers = 0 WHERE 1",
    "DELETE FROM feedmill.article WHERE 1",
    "OPTIMIZE TABLE feedmill.article FINAL",
    "RENAME TABLE feedmill.article TO feedmill.other",
    "ATTACH TABLE feedmill.other (x Int8) ENGINE = Memory",
    "DETACH TABLE feedmill.article",
    "EXCHANGE TABLES feedmill.article AND feedmill.fact_readers",
    "SYSTEM SHUTDOWN",
    "SYSTEM STOP MERGES feedmill.article",
    "SYSTEM DROP MARK CACHE",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "GRANT ALL ON *.* TO analyst",
    "SET ROLE ALL; SET readonly = 0",
    "SET readonly = 0",
    "SET max_memory_usage = 0",
    "SET max_execution_time = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 SETTINGS max_execution_time = 100000",
    "SELECT 1 SETTINGS max_result_rows = 0",
    "SELECT 1 SETTINGS max_threads = 64",
    "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'x String')",
    "SELECT * FROM remote('127.0.0.1', feedmill.article)",
    "SELECT * FROM s3('http://127.0.0.1:1/x', CSV, 'x String')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM executable('id', CSV, 'x String')",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM cluster('default', feedmill.article)",
    "SELECT * FROM jdbc('x', 'y', 'z')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 'c', 'u', 'p', 'x String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "BACKUP TABLE feedmill.article TO Disk('default', 'x')",
    "SELECT sleepEachRow(3) FROM numbers(1000)",
    "SELECT * FROM numbers(10000000)",
    "SELECT groupArray(number) FROM numbers(1000000000)",
)


@pytest.fixture
def analyst(town: tuple[Mill, Town]) -> Analyst:
    return Analyst(town[0].server)


@pytest.mark.parametrize("sql", ESCAPES)
def test_nothing_but_reading_is_allowed(sql: str, analyst: Analyst, town: tuple[Mill, Town]) -> None:
    before = town[0].one("SELECT count() FROM article")
    with pytest.raises(Refused):
        analyst.ask(sql)
    assert town[0].one("SELECT count() FROM article") == before


@pytest.mark.parametrize(
    "settings",
    [{"readonly": 0}, {"readonly": 2}, {"max_memory_usage": 0}, {"max_execution_time": 0}],
)
def test_no_limit_is_lifted_by_the_request(settings: dict[str, object], analyst: Analyst) -> None:
    with pytest.raises(Refused):
        analyst.ask("SELECT 1", None, **settings)


def test_every_table_and_view_of_both_databases_can_be_read(analyst: Analyst) -> None:
    listed = "SELECT database || '.' || name AS place FROM system.tables WHERE database IN ('feedmill', 'analytics')"
    places = [row["place"] for row in analyst.rows(listed)]
    assert len(places) > 25
    for place in places:
        analyst.ask(f"SELECT * FROM {place} LIMIT 1")


LIMITS = {"readonly": 1, "max_execution_time": 30, "max_memory_usage": 300_000_000, "max_result_rows": 1_000_000}


@pytest.mark.parametrize("settings", [{}, {"profile": "default"}])
def test_the_limits_are_the_server_s(settings: dict[str, object], analyst: Analyst) -> None:
    """Asking for another profile is taken in silence and changes nothing."""
    said = analyst.ask("SELECT " + ", ".join(map("getSetting('{}')".format, LIMITS)) + " FORMAT TSV", None, **settings)
    assert [int(float(value)) for value in said.split()] == list(LIMITS.values())


def test_a_wrong_password_and_an_unknown_user_are_refused_on_both_protocols(analyst: Analyst) -> None:
    port = analyst.server.launcher.tcp_port
    assert native_hello(port, "analyst", "analyst") == b"\x00"
    for user, password in (("analyst", "wrong"), ("nobody", "analyst"), ("feedmill", "")):
        assert native_hello(port, user, password) == b"\x02"
        with pytest.raises(Refused):
            Analyst(analyst.server, user, password).ask("SELECT 1")
