"""Home feeds pushed, pulled, filled, trimmed and mended: whatever the way, the same feed."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from feedmill.feed_writer.postgres import merges
from feedmill.feed_writer.postgres.tender import FeedTender, tending
from feedmill.feed_writer.settings import FeedSettings
from feedmill.runtime.feeds import audit
from feedmill.runtime.outcome import Fatal
from feedmill.testkit.stage import Stage
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration


def test_a_reader_who_came_is_filled_and_pushed_to_from_then_on(stage: Stage) -> None:
    assert stage.rows() == [11, 10]
    stage.posts(2, 12, 13)
    assert stage.rows() == [13, 12, 11, 10]
    assert stage.home() == [13, 12, 11, 10]


def test_who_never_read_is_not_pushed_to(stage: Stage) -> None:
    stage.happens("follow", 4, 2)
    stage.posts(2, 12)
    stage.tend()
    assert stage.query("SELECT count(*) FROM home_feed WHERE reader_id = 4") == [(0,)]


def test_what_is_pushed_and_what_is_pulled_make_one_feed(stage: Stage) -> None:
    stage.happens("follow", 1, 4)
    stage.posts(4, 12)
    stage.posts(2, 13)
    assert stage.rows() == [13, 11, 10]
    assert stage.home(limit=1) == [13, 12, 11, 10]
    stage.tend()
    assert stage.rows() == [13, 12, 11, 10]
    assert stage.home(limit=1) == [13, 12, 11, 10]


def test_an_unfollow_takes_everything_away_at_once_and_a_follow_brings_it_back(stage: Stage) -> None:
    stage.posts(2, 12)
    stage.happens("unfollow", 1, 2)
    assert stage.home() == [11]
    assert stage.rows() == [12, 11, 10]
    stage.posts(2, 13)
    stage.happens("follow", 1, 2)
    assert stage.home() == [13, 12, 11, 10]
    stage.tend(round_readers_a_second=1_000_000)
    assert stage.rows() == [13, 12, 11, 10]
    assert stage.home() == [13, 12, 11, 10]


def test_pages_below_the_pushed_depth_are_pulled(stage: Stage) -> None:
    stage.posts(2, *range(12, 20))
    stage.posts(3, *range(20, 28))
    stage.tend(depth_rows=5, round_readers_a_second=1_000_000)
    assert stage.rows() == [27, 26, 25, 24, 23]
    for limit in (1, 4, 5, 6, 100):
        assert stage.home(limit) == list(range(27, 9, -1))


def test_rows_of_a_following_that_ended_take_nobodys_place_within_the_depth(stage: Stage) -> None:
    stage.posts(3, *range(12, 20))
    stage.posts(2, *range(20, 28))
    stage.happens("unfollow", 1, 2)
    stage.tend(depth_rows=5, round_readers_a_second=1_000_000)
    assert stage.rows() == [19, 18, 17, 16, 15]
    assert stage.home() == [*range(19, 11, -1), 11]


def test_a_late_post_is_in_its_place_whichever_side_of_the_depth(stage: Stage) -> None:
    stage.posts(2, *range(12, 20))
    stage.tend(depth_rows=4, round_readers_a_second=1_000_000)
    stage.posts(2, 90, at=5)
    stage.posts(2, 91, at=9)
    assert stage.home(2) == [19, 18, 17, 91, 16, 15, 14, 90, 13, 12, 11, 10]
    stage.tend(depth_rows=4, round_readers_a_second=1_000_000)
    assert stage.home(2) == [19, 18, 17, 91, 16, 15, 14, 90, 13, 12, 11, 10]


def test_filling_stops_at_the_depth(stage: Stage) -> None:
    stage.posts(4, *range(12, 20))
    stage.happens("follow", 1, 4)
    stage.tend(depth_rows=5)
    assert stage.home() == [*range(19, 11, -1), 11, 10]
    assert len(stage.rows()) < 10


def test_an_author_with_too_many_readers_is_pulled_and_comes_back(stage: Stage) -> None:
    for reader in (4, 5):
        stage.happens("follow", reader, 2)
    stage.query("INSERT INTO feed_reader (reader_id, read_at) VALUES (4, now()), (5, now())")
    stage.tend()
    assert stage.query("SELECT count(*) FROM follow_edge WHERE followee_id = 2 AND push = 2") == [(3,)]
    stage.tend(readers_an_author=2, review_after_s=1e-6)
    assert stage.query("SELECT mode, readers FROM feed_author WHERE author_id = 2") == [("pull", 3)]
    assert stage.query("SELECT count(*) FROM follow_edge WHERE followee_id = 2 AND push > 0") == [(0,)]
    stage.posts(2, 12)
    stage.posts(3, 13)
    assert stage.home(1) == [13, 12, 11, 10]
    assert 12 not in stage.rows()
    stage.tend(review_after_s=1e-6)
    assert stage.query("SELECT mode FROM feed_author WHERE author_id = 2") == [("push",)]
    assert stage.home(1) == [13, 12, 11, 10]
    assert 12 in stage.rows()


def test_a_batch_too_large_to_push_is_pulled_and_pushed_again_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merges, "BOUND", merges.BOUND.replace(str(merges.PUSHED_ROWS_A_BATCH), "1"))
    monkeypatch.setattr(merges, "BOUND_FROM_RECORDS", 1)
    stage.store._drop()  # a connection makes its statements when it begins
    stage.posts(2, 12)
    assert stage.rows() == [12, 11, 10]
    monkeypatch.setattr(merges, "BOUND", merges.BOUND.replace("so_far > 1", "so_far > 0"))
    stage.store._drop()
    stage.posts(2, 13)
    assert stage.rows() == [12, 11, 10]
    assert stage.home(1) == [13, 12, 11, 10]
    stage.tend()
    assert stage.rows() == [13, 12, 11, 10]
    assert stage.home(1) == [13, 12, 11, 10]


def test_who_has_not_read_for_long_is_pushed_to_no_more_and_filled_when_back(stage: Stage) -> None:
    stage.query("UPDATE feed_reader SET read_at = now() - interval '8 days'")
    stage.tend(round_readers_a_second=1_000_000)
    assert stage.rows() == []
    stage.posts(2, 12)
    stage.reader.readers.forget()
    assert stage.home() == [12, 11, 10]
    stage.tend()
    assert stage.rows() == [12, 11, 10]


@pytest.mark.parametrize(
    ("harm", "how"),
    [
        ("DELETE FROM home_feed WHERE object_id = 11", "missing"),
        ("INSERT INTO home_feed SELECT 1, occurred_at, gen_random_uuid(), actor_id, verb, object_type, 99, NULL, NULL,"
         " 0, 0, NULL FROM home_feed WHERE object_id = 11", "extra"),
        ("UPDATE home_feed SET occurred_at = occurred_at - interval '1 hour' WHERE object_id = 11", "misordered"),
    ],
)  # fmt: skip
def test_the_audit_finds_what_is_wrong_and_mends_it(stage: Stage, harm: str, how: str) -> None:
    stage.query(harm)
    with closing(psycopg2.connect(stage.dsn)) as connection, connection.cursor() as cursor:
        finding = audit.audit(cursor, 1)
    assert (getattr(finding, how), finding.wrong) == (1, 1)
    stage.tend(round_readers_a_second=1_000_000)
    assert stage.rows() == [11, 10]
    assert stage.home() == [11, 10]


def test_what_is_applied_after_the_first_page_does_not_shift_into_the_next(stage: Stage) -> None:
    stage.posts(2, 12, 13)
    first = stage.reader.get("/v1/users/1/feed?limit=2").json()
    stage.posts(3, 90, at=0)
    stage.posts(4, 91, at=0)
    stage.happens("follow", 1, 4)
    second = stage.reader.get(f"/v1/users/1/feed?limit=10&cursor={first['next']}").json()
    assert [item["object"]["id"] for item in (*first["items"], *second["items"])] == [13, 12, 11, 10]
    assert sorted(stage.home()) == [10, 11, 12, 13, 90, 91]


def test_a_process_that_dies_between_the_steps_leaves_feeds_right(stage: Stage) -> None:
    stage.happens("follow", 1, 4)
    stage.posts(4, 12)
    stage.query("UPDATE follow_edge SET push = 1 WHERE followee_id = 4")
    stage.query("UPDATE feed_reader SET wants_fill = false")
    stage.posts(4, 13)
    assert stage.rows() == [13, 11, 10]
    assert stage.home() == [13, 12, 11, 10]
    stage.tend()
    assert stage.rows() == [13, 12, 11, 10]


def test_only_one_of_all_processes_tends(stage: Stage) -> None:
    tenders = [FeedTender(stage.dsn, FeedSettings(), threading.Event()) for _ in range(2)]
    assert [tender._lead() for tender in tenders] == [True, False]
    tenders[0].close()
    wait_until(tenders[1]._lead)
    tenders[1].close()


def test_a_process_that_ends_badly_leaves_no_tender_behind(stage: Stage) -> None:
    stop = threading.Event()
    with pytest.raises(Fatal, match="a hole"), tending(stage.dsn, FeedSettings(), stop):
        raise Fatal("a hole")
    assert stop.is_set()
    assert not any(thread.name == "feed-tender" for thread in threading.enumerate())
