"""What a following that ended left behind is never seen: marked by its end, swept, and unmarked only then."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from feedmill.feed_writer.postgres import merges
from feedmill.feed_writer.postgres.tender import FeedTender
from feedmill.feed_writer.settings import FeedSettings
from feedmill.runtime.feeds import audit, rows
from feedmill.testkit.stage import Stage

pytestmark = pytest.mark.integration

AT_ONCE = {"round_readers_a_second": 1_000_000}
_COPY = (
    "INSERT INTO home_feed SELECT 1, occurred_at, event_id, actor_id, verb, object_type, object_id, NULL, NULL, 0, 0,"
    " NULL FROM activity"
)


def marked(stage: Stage) -> list[int]:
    found = stage.query("SELECT followee_id FROM follow_edge WHERE follower_id = 1 AND rows_left ORDER BY 1")
    return [followee for (followee,) in found]


def plain(stage: Stage) -> bool:
    """Whether the reader's page may be asked by the short statement, as it reads its rows."""
    found = stage.query("SELECT FROM follow_edge WHERE follower_id = 1 AND (rows_left OR active AND push < 2)")
    return not found


def wrong(stage: Stage) -> int:
    with closing(psycopg2.connect(stage.dsn)) as connection, connection.cursor() as cursor:
        return audit.audit(cursor, 1).wrong


def test_an_end_marks_the_edge_until_its_rows_are_swept(stage: Stage) -> None:
    assert plain(stage)
    stage.happens("unfollow", 1, 2)
    assert (marked(stage), stage.rows(), stage.home(), wrong(stage)) == ([2], [11, 10], [11], 0)
    stage.tend(**AT_ONCE)
    assert (marked(stage), stage.rows(), stage.home(), wrong(stage)) == ([], [11], [11], 0)
    assert plain(stage)


@pytest.mark.parametrize("as_one_batch", [True, False])
def test_a_following_that_begins_anew_shows_nothing_older_than_it_wants(stage: Stage, as_one_batch: bool) -> None:
    stage.posts(2, 12, 13)
    told = [stage.said("unfollow", 1, 2), stage.said("follow", 1, 2, since=5)]
    for batch in [told] if as_one_batch else [[record] for record in told]:
        stage.write(batch)
    assert marked(stage) == [2]
    stage.tend(round_readers_a_second=1e-9)
    assert stage.rows() == [13, 12, 11, 10]
    assert stage.home(1) == [13, 11]
    stage.tend(**AT_ONCE)
    assert (marked(stage), stage.rows(), stage.home(1)) == ([], [13, 11], [13, 11])


def test_a_late_post_of_before_the_following_writes_no_row(stage: Stage) -> None:
    stage.happens("follow", 1, 4, since=10)
    stage.tend(**AT_ONCE)
    assert plain(stage)
    stage.posts(4, 12, at=9)
    stage.posts(4, 13, at=10)
    assert (stage.rows(), stage.home(1), wrong(stage)) == ([13, 11, 10], [13, 11, 10], 0)


def test_the_mark_stays_while_somebody_may_still_write_such_rows(stage: Stage) -> None:
    """A post's transaction that looked at the edges before the end, and commits after the sweep."""
    with closing(psycopg2.connect(stage.dsn)) as slow, slow.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")  # as one that wrote something before it looked
        stage.happens("unfollow", 1, 2)
        stopped = threading.Event()
        stopped.set()
        with closing(FeedTender(stage.dsn, FeedSettings(), stopped)) as tender:
            with pytest.raises(psycopg2.OperationalError, match="stopped while waiting"):
                tender.look_after([1])
            assert marked(stage) == [2]
            stage.query("DELETE FROM home_feed WHERE object_id = 10")
            cursor.execute(f"{_COPY} WHERE object_id = 10")
            slow.commit()
            assert (stage.rows(), stage.home()) == ([11, 10], [11])
            assert tender.look_after([1]) == []
    assert (marked(stage), stage.rows(), stage.home()) == ([], [11], [11])


def test_an_edge_that_ends_again_meanwhile_keeps_its_mark(stage: Stage) -> None:
    with closing(psycopg2.connect(stage.dsn)) as connection, connection.cursor() as cursor:
        stage.happens("unfollow", 1, 2)
        found = rows.ended(cursor, [1])
        connection.commit()
        stage.happens("follow", 1, 2)
        stage.happens("unfollow", 1, 2)
        rows.sweep(cursor, 1, found)
        connection.commit()
    assert marked(stage) == [2]


def test_a_row_of_somebody_never_followed_is_extra(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.posts(4, 12)
    stage.query(f"{_COPY} WHERE object_id = 12")
    assert wrong(stage) == 1
    stage.tend(**AT_ONCE)
    assert (stage.rows(), stage.home()) == ([11, 10], [11, 10])
    assert "home feed of reader 1: 0 rows missing, 1 extra, 0 misordered" in caplog.text


def test_a_walk_shows_nothing_of_who_was_followed_and_pushed_since_it_began(stage: Stage) -> None:
    stage.posts(2, 12, 13)
    stage.posts(4, 91, at=0)
    first = stage.reader.get("/v1/users/1/feed?limit=2").json()
    stage.happens("follow", 1, 4)
    stage.tend(**AT_ONCE)
    assert plain(stage)
    assert stage.pages(f"/v1/users/1/feed?limit=10&cursor={first['next']}", 10) == [11, 10]
    assert sorted(stage.home()) == [10, 11, 12, 13, 91]


def test_a_large_batch_writes_its_rows_also_where_some_are_there_already(stage: Stage) -> None:
    before = stage.query("SELECT source_offset, next_offset FROM sink_position WHERE partition = 0")
    numbers = range(1_000, 1_000 + merges.BOUND_FROM_RECORDS)
    records = [stage.said("post", 2, number, type="post") for number in numbers]
    stage.write(records)
    stage.query("DELETE FROM activity WHERE object_id >= 1000")
    stage.query("DELETE FROM home_feed WHERE object_id >= 1100")
    stage.query("UPDATE sink_position SET source_offset = {}, next_offset = {} WHERE partition = 0".format(*before[0]))
    stage.write(records)
    assert stage.rows() == [*reversed(numbers), 11, 10]
