"""What is pushed is looked after: by feed-writer all the time, and by the operator's commands."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import httpx2
import pytest

from feedmill.cli.api_keys import transaction
from feedmill.cli.local.services import script
from feedmill.testkit.people import Operator, Person
from feedmill.testkit.platform import Platform
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.e2e

FOUND_S = 60.0
"""At the default rate."""
WRONG = "feedmill_feed_wrong_rows_total"


def feedmill(platform: Platform, *arguments: str, status: int = 0) -> Any:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    connections = platform.connections
    places = {
        "FEEDMILL_HOME": str(platform.home.root),
        "FEEDMILL_PORT": str(platform.ports.origin),
        "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS": connections.kafka,
        "FEEDMILL_POSTGRES_DSN": connections.postgres,
        "FEEDMILL_CLICKHOUSE_URL": connections.clickhouse,
    }
    done = subprocess.run(
        [script("feedmill"), *arguments], env=own | places, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


def rows_of(platform: Platform, reader: Person) -> int:
    with transaction(platform.connections.postgres) as cursor:
        cursor.execute("SELECT count(*) FROM home_feed WHERE reader_id = %s", (reader.id,))
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def reader(platform: Platform, operator: Operator) -> Person:
    """Three posts are pushed to it."""
    ivan, nico = operator.people("ivan", "nico")
    ivan.follows(nico)
    for _ in range(3):
        nico.publishes()
    assert len(ivan.friends_feed()) == 3
    wait_until(lambda: rows_of(platform, ivan) == 3, within_s=30)
    return ivan


def lose_a_row(platform: Platform, reader: Person) -> None:
    with transaction(platform.connections.postgres) as cursor:
        cursor.execute(
            "DELETE FROM home_feed WHERE event_id = (SELECT min(event_id::text)::uuid FROM home_feed"
            " WHERE reader_id = %s)",
            (reader.id,),
        )


def test_a_row_deleted_by_hand_is_found_and_mended_within_a_minute(platform: Platform, reader: Person) -> None:
    lose_a_row(platform, reader)
    assert rows_of(platform, reader) == 2
    wait_until(lambda: rows_of(platform, reader) == 3, within_s=FOUND_S)
    assert len(reader.friends_feed()) == 3
    metrics = httpx2.get(platform.address("feed-writer-postgres") + "/metrics").text
    assert f'{WRONG}{{how="missing"}}' in metrics


def test_the_operator_audits_repairs_and_rebuilds_feeds(platform: Platform, reader: Person) -> None:
    who = ("--user", str(reader.id))
    assert feedmill(platform, "audit", "feeds", *who, "--json") == {"readers": 1, "wrong": [], "repaired": False}
    lose_a_row(platform, reader)
    feedmill(platform, "audit", "feeds", *who, "--repair")
    assert rows_of(platform, reader) == 3
    feedmill(platform, "rebuild", "feeds", *who)
    assert rows_of(platform, reader) == 3
    feedmill(platform, "audit", "feeds", *who)
    nobody = ("--user", str(2**53 - 1))
    feedmill(platform, "audit", "feeds", *nobody, status=1)
    feedmill(platform, "rebuild", "feeds", *nobody, status=1)
    assert {"author_id", "mode", "readers"} <= set(feedmill(platform, "feeds", "authors", "--json")[0])
