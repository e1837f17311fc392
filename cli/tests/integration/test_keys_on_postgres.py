from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedmill.cli import api_keys
from feedmill.cli.local.layout import Home
from feedmill.cli.main import app
from feedmill.cli.operator import operator_key
from feedmill.testkit.parts import Stores
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration
run = CliRunner()


@pytest.fixture(autouse=True)
def platform(migrated: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEEDMILL_HOME", str(tmp_path))
    monkeypatch.setenv("FEEDMILL_POSTGRES_DSN", migrated.postgres_dsn)
    monkeypatch.setenv("COLUMNS", "200")


def user(dsn: str, user_id: int, handle: str) -> None:
    with api_keys.transaction(dsn) as cursor:
        cursor.execute(
            "INSERT INTO user_profile (id, handle, uuid, name, created_at, updated_at, origin_partition, origin_offset)"
            " VALUES (%s, %s, %s, %s, now(), now(), 0, 0)"
            if has_origin_partition(dsn)
            else "INSERT INTO user_profile (id, handle, uuid, name, created_at, updated_at, origin_offset)"
            " VALUES (%s, %s, %s, %s, now(), now(), 0)",
            (user_id, handle, str(uuid.uuid4()), handle.capitalize()),
        )


def has_origin_partition(dsn: str) -> bool:
    with api_keys.transaction(dsn) as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns WHERE table_name = 'user_profile'"
            " AND column_name = 'origin_partition'"
        )
        return cursor.fetchone() is not None


def test_a_services_key_is_shown_once_and_stored_hashed(migrated: Stores) -> None:
    asked = ["keys", "create", "--service", "importer", "--scopes", "events:write,feeds:read", "--json"]
    made = json.loads(run.invoke(app, asked).stdout)
    assert made["owner"] == "service:importer"
    assert made["scopes"] == ["events:write", "feeds:read"]
    with api_keys.transaction(migrated.postgres_dsn) as cursor:
        cursor.execute("SELECT key_hash, user_id FROM api_key WHERE id = %s", (made["id"],))
        row = cursor.fetchone()
    assert row is not None
    assert (bytes(row[0]), row[1]) == (api_keys.hash_of(made["key"]), None)


def test_without_an_owner_it_is_the_operators() -> None:
    made = json.loads(run.invoke(app, ["keys", "create", "--json"]).stdout)
    assert made["owner"] == "service:cli"
    assert "admin" in made["scopes"]


def test_a_users_key_acts_for_its_owner(migrated: Stores) -> None:
    user(migrated.postgres_dsn, 41, "frida")
    made = json.loads(run.invoke(app, ["keys", "create", "--owner", "frida", "--json"]).stdout)
    assert (made["owner"], made["scopes"]) == ("user:frida", [])
    with api_keys.transaction(migrated.postgres_dsn) as cursor:
        cursor.execute("SELECT user_id FROM api_key WHERE id = %s", (made["id"],))
        assert cursor.fetchone() == (41,)


def test_a_key_asked_for_while_its_user_is_being_erased_waits_and_is_refused(migrated: Stores) -> None:
    """Else it would be made behind the back of the sink, which ends the keys it sees."""
    dsn = migrated.postgres_dsn
    user(dsn, 42, "gerda")
    refused: list[Exception] = []

    def ask() -> None:
        try:
            api_keys.create_for_user(dsn, "gerda")
        except api_keys.KeyRefused as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    with api_keys.transaction(dsn) as sink:
        sink.execute("UPDATE user_profile SET erased_at = now() WHERE id = 42")
        asking.start()
        wait_until(lambda: _somebody_waits_for_a_lock(dsn), "the key to wait for the sink")
    asking.join()
    assert len(refused) == 1


def _somebody_waits_for_a_lock(dsn: str) -> bool:
    with api_keys.transaction(dsn) as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


def test_a_key_for_nobody_says_how_to_make_somebody() -> None:
    shown = run.invoke(app, ["keys", "create", "--owner", "nobody"])
    assert shown.exit_code == 1
    assert "POST /v1/users" in shown.stderr


def test_an_unknown_scope_is_refused_with_the_known() -> None:
    shown = run.invoke(app, ["keys", "create", "--service", "x", "--scopes", "everything"])
    assert shown.exit_code == 1
    assert "events:write" in shown.stderr


def test_a_revoked_key_is_dead_and_stays_listed(migrated: Stores) -> None:
    made = json.loads(run.invoke(app, ["keys", "create", "--service", "short", "--json"]).stdout)
    assert api_keys.alive(migrated.postgres_dsn, made["key"])
    assert run.invoke(app, ["keys", "revoke", made["id"]]).exit_code == 0
    assert not api_keys.alive(migrated.postgres_dsn, made["key"])
    assert run.invoke(app, ["keys", "revoke", made["id"]]).exit_code == 1
    listed = {key["id"]: key for key in json.loads(run.invoke(app, ["keys", "list", "--json"]).stdout)}
    assert listed[made["id"]]["state"] == "revoked"
    assert made["key"] not in run.invoke(app, ["keys", "list"]).stdout


def test_the_operators_key_is_made_once_and_again_after_a_reset(migrated: Stores, tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = operator_key(home, migrated.postgres_dsn)
    assert operator_key(home, migrated.postgres_dsn) == key
    with api_keys.transaction(migrated.postgres_dsn) as cursor:
        cursor.execute("DELETE FROM api_key WHERE key_hash = %s", (api_keys.hash_of(key),))
    assert operator_key(home, migrated.postgres_dsn) != key


def test_where_postgres_is_away_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_POSTGRES_DSN", "postgresql://127.0.0.1:9/none")
    shown = run.invoke(app, ["keys", "list"])
    assert shown.exit_code == 1
    assert "feedmill up" in shown.stderr
