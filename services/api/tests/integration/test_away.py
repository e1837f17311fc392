"""Postgres away: 503 with Retry-After at once, in the shape of who asked; back: served again by itself. The log away:
reads go on.
"""

import time
from datetime import UTC, datetime

import pytest

from feedmill.testkit.reader import Reader
from feedmill.testkit.running import Bench, RunningPostgres
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration


def test_reads_are_503_at_once_and_come_back_by_themselves(
    postgres: RunningPostgres, bench: Bench, seed: Seed, reader: Reader
) -> None:
    seed.user("ivan", key="abc123")
    assert reader.get("/v1/users/1/feed").status_code == 200
    postgres.part.kill()
    try:
        wait_for(reader, "/v1/users/1/feed", 503)
        began_s = time.monotonic()
        for path in ("/v1/users/1/feed", "/v1/users/1", "/me", "/feed/my", "/feed/friends"):
            answer = reader.get(path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"] is True
        assert reader.get("/me", key="never-seen").status_code == 503
        assert reader.get("/me", Feedmill_Position="activity.published.v1/0:0").status_code == 503
        assert time.monotonic() - began_s < 3
        assert reader.get("/readyz").json()["dependencies"]["postgres"]["up"] is False
        assert reader.get("/livez").status_code == 200
    finally:
        bench.launch(postgres.part)
        postgres.part.wait_ready()
    wait_for(reader, "/v1/users/1/feed", 200)


def wait_for(reader: Reader, path: str, status: int, within_s: float = 20) -> None:
    ends_s = time.monotonic() + within_s
    while reader.get(path).status_code != status:
        assert time.monotonic() < ends_s


def test_feeds_go_on_while_the_log_is_away_and_claim_no_more_than_was_known(seed: Seed, reader: Reader) -> None:
    seed.user("ivan", key="abc123")
    reader.log.away = True
    away_at = datetime.now(UTC)
    try:
        wait_until(lambda: not reader.get("/readyz").json()["dependencies"]["kafka"]["up"])
        for path in ("/v1/users/1/feed", "/v1/users/1/activities", "/v1/users/1", "/me", "/feed/my", "/feed/friends"):
            answer = reader.get(path)
            assert answer.status_code == 200
            assert datetime.fromisoformat(answer.headers["feedmill-complete-through"]) <= away_at
    finally:
        reader.log.away = False
    wait_until(lambda: reader.get("/readyz").json()["dependencies"]["kafka"]["up"])
    wait_until(lambda: through(reader) > away_at)


def through(reader: Reader) -> datetime:
    return datetime.fromisoformat(reader.get("/me").headers["feedmill-complete-through"])
