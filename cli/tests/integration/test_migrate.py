"""The runner on real stores: repeatable, alone, and loud where files and stores disagree."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from feedmill.cli import migrate
from feedmill.cli.migrate import clickhouse_client
from feedmill.cli.migration_files import folder_of, load
from feedmill.testkit.running import RunningClickHouse

pytestmark = pytest.mark.integration


@pytest.fixture
def empty(database: str, clickhouse: RunningClickHouse) -> Iterator[tuple[str, str]]:
    base, _, _ = clickhouse.url.rpartition("/")
    url = f"{base}/test_{uuid.uuid4().hex}"
    yield database, url
    with clickhouse_client(clickhouse.url) as client:
        client.command(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]}")


def test_all_is_applied_once_and_then_nothing(empty: tuple[str, str]) -> None:
    everything = len(load(folder_of("postgres"))) + len(load(folder_of("clickhouse")))
    assert {s.state for s in migrate.status(*empty)} == {"pending"}
    assert len(migrate.run(*empty)) == everything
    assert migrate.run(*empty) == []
    assert {s.state for s in migrate.status(*empty)} == {"applied"}


def test_runners_at_the_same_time_take_turns(empty: tuple[str, str]) -> None:
    applied: list[int] = []
    threads = [threading.Thread(target=lambda: applied.append(len(migrate.run(*empty)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = len(load(folder_of("postgres"))) + len(load(folder_of("clickhouse")))
    assert sorted(applied) == [0, 0, everything]


def test_a_file_that_changed_after_it_was_applied_stops_everything(
    empty: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.run(*empty)
    for store in ("postgres", "clickhouse"):
        shutil.copytree(folder_of(store), tmp_path / store)
    monkeypatch.setattr(migrate, "folder_of", lambda store: tmp_path / store)
    changed = tmp_path / "postgres" / "0002_user_profile.sql"
    changed.write_text(changed.read_text() + "-- a thought\n")
    with pytest.raises(migrate.SchemaError, match="postgres/0002_user_profile"):
        migrate.run(*empty)


def test_a_store_that_is_ahead_of_this_version_is_left_alone(
    empty: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.run(*empty)
    for store in ("postgres", "clickhouse"):
        shutil.copytree(folder_of(store), tmp_path / store)
    last = load(folder_of("postgres"))[-1]
    (tmp_path / "postgres" / f"{last.label}.sql").unlink()
    monkeypatch.setattr(migrate, "folder_of", lambda store: tmp_path / store)
    with pytest.raises(migrate.SchemaError, match="does not know"):
        migrate.status(*empty)


def test_a_migration_that_fails_leaves_no_trace_in_postgres(
    empty: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "clickhouse").mkdir()
    text = "-- Things. Grain: one thing.\n-- migrate:up\nCREATE TABLE thing (id int); SELECT 1/0;\n-- migrate:down\n"
    (tmp_path / "postgres" / "0001_thing.sql").write_text(text)
    monkeypatch.setattr(migrate, "folder_of", lambda store: tmp_path / store)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate.run(*empty)
    assert [s.state for s in migrate.status(*empty)] == ["pending"]
    with closing(psycopg2.connect(empty[0])) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('thing')")
        assert cursor.fetchone() == (None,)


def test_every_down_part_undoes_its_up_part(empty: tuple[str, str]) -> None:
    """The runner never goes down; dbmate, on the same files, can."""
    migrate.run(*empty)

    def downs(store: str) -> list[str]:
        texts = [path.read_text() for path in sorted(folder_of(store).glob("*.sql"), reverse=True)]
        return [text.partition("-- migrate:down")[2].strip() for text in texts]

    with closing(psycopg2.connect(empty[0])) as connection, connection, connection.cursor() as cursor:
        for down in downs("postgres"):
            cursor.execute(down)
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchall() == [("schema_migration",)]
    with clickhouse_client(empty[1]) as client:
        for down in downs("clickhouse"):
            for statement in filter(None, map(str.strip, down.split(";"))):
                client.command(statement)
        assert client.query("SHOW TABLES").result_rows == [("schema_migration",)]
