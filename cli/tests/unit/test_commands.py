from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from typer.testing import CliRunner

from feedmill.cli.dead_letters import Letter
from feedmill.cli.dlq_commands import listed
from feedmill.cli.local.services import PARTS
from feedmill.cli.main import COMMANDS, app, loaded
from feedmill.cli.output import told
from feedmill.runtime.outcome import Record

run = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEEDMILL_HOME", str(tmp_path))
    monkeypatch.setenv("FEEDMILL_PORT", "6000")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def every_command() -> Iterator[tuple[str, ...]]:
    """What can be asked for, a group's commands one by one."""
    for name in COMMANDS:
        below = getattr(loaded(name), "commands", None)
        yield from [(name, sub) for sub in below] if below else [(name,)]


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_shows_examples(words: tuple[str, ...]) -> None:
    shown = run.invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Examples:" in shown.stdout
    assert f"feedmill {' '.join(words)}" in shown.stdout.partition("Examples:")[2]


def test_the_list_of_commands_is_whole() -> None:
    shown = run.invoke(app, ["--help"])
    assert all(name in shown.stdout for name in ("up", "down", "keys", "topics", "dlq", "trace"))
    assert all(loaded(name).name == name for name in ("status", "keys"))
    assert next(iter(COMMANDS)) == "up"


def test_status_before_the_first_up_says_how_to_start() -> None:
    assert "feedmill up" in run.invoke(app, ["status"]).stdout


def test_status_for_machines_has_every_part_and_how_to_connect() -> None:
    document = json.loads(run.invoke(app, ["status", "--json"]).stdout)
    assert document["origin"] == "http://127.0.0.1:6000"
    assert [part["name"] for part in document["parts"]] == list(PARTS)
    assert {part["state"] for part in document["parts"]} == {"stopped"}
    assert document["connect"]["kafka"] == {"bootstrap_servers": "127.0.0.1:6010"}
    assert set(document["connect"]["clickhouse"]) == {"host", "port", "username", "password", "database"}


def test_down_where_nothing_runs_is_no_error() -> None:
    shown = run.invoke(app, ["down"])
    assert (shown.exit_code, shown.stdout.strip()) == (0, "Nothing was running.")


def test_logs_of_an_unknown_part_name_the_known(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "ingest.log").write_text("one\ntwo\n")
    assert "two" in run.invoke(app, ["logs", "ingest", "-n", "1"]).stdout
    shown = run.invoke(app, ["logs", "ingress"])
    assert shown.exit_code == 1
    assert "there are: ingest" in shown.stderr


def test_logs_before_the_first_up_say_how_to_start() -> None:
    shown = run.invoke(app, ["logs"])
    assert (shown.exit_code, "feedmill up" in shown.stderr) == (1, True)


@pytest.mark.parametrize("words", [("up",), ("demo",)])
def test_a_home_that_cannot_be_one_is_told_without_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (home / "file").write_text("no folder")
    monkeypatch.setenv("FEEDMILL_HOME", str(home / "file"))
    shown = run.invoke(app, list(words))
    assert (shown.exit_code, isinstance(shown.exception, SystemExit)) == (1, True)
    assert "set FEEDMILL_HOME to another folder" in shown.stderr


@pytest.mark.parametrize("words", [("keys", "list"), ("digest",), ("migrate",), ("load", "town"), ("rebuild", "--yes")])
def test_an_address_that_is_none_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("FEEDMILL_POSTGRES_DSN", "nonsense")
    shown = run.invoke(app, list(words))
    assert "FEEDMILL_POSTGRES_DSN: must be postgresql://" in f"{shown.stderr}{shown.exception}"


def test_reset_asks_first(home: Path) -> None:
    (home / "data").mkdir()
    assert run.invoke(app, ["reset"], input="n\n").exit_code == 1
    assert (home / "data").exists()
    assert run.invoke(app, ["reset", "--yes"]).exit_code == 0
    assert not (home / "data").exists()


def test_a_key_with_two_owners_is_refused() -> None:
    shown = run.invoke(app, ["keys", "create", "--owner", "ivan", "--service", "x"])
    assert shown.exit_code == 1
    assert "not both" in shown.stderr


def test_a_trace_of_no_event_id_says_where_ids_come_from() -> None:
    shown = run.invoke(app, ["trace", "seven"])
    assert shown.exit_code == 1
    assert "POST /v1/events" in shown.stderr


def test_what_a_dead_letter_is_asked_for_by_stands_on_one_line() -> None:
    event_id = str(uuid4())
    record = Record("activity.published.v1.dlq", 0, 7, 0, b"1", b"{", [("event-id", event_id.encode())])
    letter = Letter(
        record, "not_json: " + "something very long was wrong with it " * 4, ("activity.published.v1", 3, 1042)
    )
    shown = StringIO()
    Console(width=100, file=shown).print(listed([letter]))
    assert event_id in shown.getvalue()
    assert "activity.published.v1/3:1042" in shown.getvalue()


def test_a_replay_of_nothing_in_particular_is_refused() -> None:
    shown = run.invoke(app, ["dlq", "replay"])
    assert shown.exit_code == 1
    assert "--all" in shown.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            psycopg2.OperationalError(
                'connection to server at "x", port 1 failed: Connection refused\n\tIs it running?'
            ),
            "Postgres does not answer: feedmill up, or set FEEDMILL_POSTGRES_DSN",
        ),
        (
            psycopg2.OperationalError('connection to server at "x" failed: FATAL: password authentication failed\n'),
            'connection to server at "x" failed: FATAL: password authentication failed',
        ),
        (
            ClickHouseError("Error (Caused by NewConnectionError([Errno 111] Connection refused))"),
            "ClickHouse does not answer: feedmill up, or set FEEDMILL_CLICKHOUSE_URL",
        ),
        (OSError("Connection refused"), "Connection refused"),
    ],
)
def test_where_a_store_does_not_answer_the_next_step_is_said(error: Exception, said: str) -> None:
    assert told(error) == said


def test_a_rebuild_of_one_reader_is_never_one_of_both_stores() -> None:
    shown = run.invoke(app, ["rebuild", "--user", "1", "--yes"])
    assert shown.exit_code == 2
    assert "rebuild feeds" in shown.output
