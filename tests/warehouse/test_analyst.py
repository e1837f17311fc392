"""The analyst reads facts and views, within limits that are the server's, and can do nothing else; over HTTP and over
the native protocol alike.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from feedmill.cli.local.clickhouse import USERS
from warehouse.analyst import Analyst, NativeAnalyst, Refused
from warehouse.conftest import Mill
from warehouse.town import Town

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]

ESCAPES = (
    "INSERT INTO feedmill.fact_activity (event_id) VALUES (generateUUIDv4())",
    "INSERT INTO FUNCTION file('/tmp/out.csv') SELECT 1",
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
    "SELECT * FROM executable('id', TSV, 'x String')",
    "SELECT * FROM system.users",
    "SELECT * FROM default.anything",
    "SHOW GRANTS FOR feedmill",
    "SELECT * FROM cluster('default', feedmill.article)",
    "SELECT * FROM jdbc('x', 'y', 'z')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 'c', 'u', 'p', 'x String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "BACKUP TABLE feedmill.article TO Disk('default', 'x')",
    "SELECT sleepEachRow(3) FROM numbers(1000)",
    "SELECT * FROM numbers(10000000)",
    "SELECT groupArray(number) FROM numbers(1000000000)",
)


@pytest.fixture(params=[Analyst, NativeAnalyst], ids=["http", "native"])
def analyst(request: pytest.FixtureRequest, town: tuple[Mill, Town]) -> Analyst | NativeAnalyst:
    """On each protocol."""
    made: Analyst | NativeAnalyst = request.param(town[0].server)
    return made


@pytest.mark.parametrize("sql", ESCAPES)
def test_nothing_but_reading_is_allowed(sql: str, analyst: Analyst | NativeAnalyst, town: tuple[Mill, Town]) -> None:
    before = town[0].one("SELECT count() FROM article")
    with pytest.raises(Refused):
        analyst.ask(sql)
    assert town[0].one("SELECT count() FROM article") == before


@pytest.mark.parametrize(
    "settings",
    [{"readonly": 0}, {"readonly": 2}, {"max_memory_usage": 0}, {"max_execution_time": 0}],
)
def test_no_limit_is_lifted_by_the_request(settings: dict[str, object], analyst: Analyst | NativeAnalyst) -> None:
    with pytest.raises(Refused):
        analyst.ask("SELECT 1", None, **settings)


def test_every_table_and_view_of_both_databases_can_be_read(analyst: Analyst | NativeAnalyst) -> None:
    listed = "SELECT database || '.' || name AS place FROM system.tables WHERE database IN ('feedmill', 'analytics')"
    places = [row["place"] for row in analyst.rows(listed)]
    assert len(places) > 25
    for place in places:
        analyst.ask(f"SELECT * FROM {place} LIMIT 1")


LIMITS = {
    "readonly": 1,
    "max_execution_time": 30,
    "max_memory_usage": 300_000_000,
    "max_memory_usage_for_user": 400_000_000,
    "max_bytes_before_external_group_by": 100_000_000,
    "max_temporary_data_on_disk_size_for_user": 4_000_000_000,
    "max_result_rows": 1_000_000,
}
SHOWN = "SELECT " + ", ".join(f"getSetting('{name}') AS {name}" for name in LIMITS)


@pytest.mark.parametrize("settings", [{}, {"profile": "default"}])
def test_the_limits_are_the_server_s(settings: dict[str, object], analyst: Analyst | NativeAnalyst) -> None:
    """Asking for another profile is taken in silence and changes nothing."""
    (said,) = analyst.rows(SHOWN, None, **settings)
    assert {name: int(float(value)) for name, value in said.items()} == LIMITS


def test_compose_gives_the_analyst_the_same_limits() -> None:
    """Read as files: both profiles, setting by setting."""
    compose = ElementTree.parse(ROOT / "deploy/clickhouse/users.xml").find("profiles/reader")
    local = ElementTree.fromstring(USERS.format(users="")).find("profiles/reader")
    assert compose is not None
    assert local is not None
    assert {each.tag: each.text for each in compose} == {each.tag: each.text for each in local}


def test_a_sum_of_more_groups_than_memory_holds_goes_by_the_disk(analyst: Analyst | NativeAnalyst) -> None:
    sql = "SELECT count() AS n FROM (SELECT number, count() FROM numbers(10000000) GROUP BY number)"
    (row,) = analyst.rows(sql)
    assert int(row["n"]) == 10_000_000


def test_no_file_is_written_on_the_server(town: tuple[Mill, Town], tmp_path: Path) -> None:
    """Over the native protocol an outfile is the client's own: the server sends rows and writes nothing."""
    out = tmp_path / "out.csv"
    sql = f"SELECT * FROM feedmill.article LIMIT 1 INTO OUTFILE '{out}'"
    with pytest.raises(Refused):
        Analyst(town[0].server).ask(sql)
    assert len(NativeAnalyst(town[0].server).ask(sql)) == 1
    assert not out.exists()


@pytest.mark.parametrize("kind", [Analyst, NativeAnalyst], ids=["http", "native"])
@pytest.mark.parametrize(("user", "password"), [("analyst", "wrong"), ("nobody", "analyst"), ("feedmill", "")])
def test_a_wrong_password_and_an_unknown_user_are_refused(
    kind: type[Analyst] | type[NativeAnalyst], user: str, password: str, town: tuple[Mill, Town]
) -> None:
    with pytest.raises(Refused):
        kind(town[0].server, user, password).ask("SELECT 1")
