"""Home feeds in Postgres: the SQL that fills, trims, sweeps and sets back what is pushed.

The definition: home(reader) = activities of those the reader follows now, not before the follow's `since`. A row of
`home_feed` is a copy of such an activity; it counts only where its follow edge says `push = 2` and it is not before the
reader's `complete_from`. What a following that ended left behind is marked in its edge (`rows_left`) by what ends it,
until it is swept, and no page takes the rows of such a reader at their word. So a row too many is never seen, and the
one thing that must not happen is a row too few: an edge becomes `push = 1` first (every later post writes its rows,
reading goes on by pull), and `push = 2` only after every transaction that may not have seen that has ended and what is
older was copied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from feedmill.contracts.verbs import FEED_VERBS

VERBS: Final = sorted(FEED_VERBS)

COLUMNS: Final = (
    "event_id, actor_id, verb, object_type, object_id, target_type, target_id, "
    "source_partition, source_offset, origin_offset"
)
"""Of `activity` and `home_feed` alike, beside occurred_at."""


class Cursor(Protocol):
    """A DB-API cursor in autocommit or in a transaction of the caller's."""

    @property
    def rowcount(self) -> int: ...

    def execute(self, query: str, vars: dict[str, Any] | None = None, /) -> None: ...

    def fetchone(self) -> tuple[Any, ...] | None: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


def asking(which: str) -> str:
    """The end of a WITH: readers are asked to be filled, locked in the order of their ids like wherever they are.

    which: a condition on `feed_reader`, of ours.
    """
    return f"""asking AS (
    SELECT reader_id FROM feed_reader
     WHERE NOT wants_fill AND {which}
     ORDER BY reader_id FOR NO KEY UPDATE)
UPDATE feed_reader SET wants_fill = true FROM asking WHERE feed_reader.reader_id = asking.reader_id"""  # noqa: S608


_TAKE: Final = """
WITH taken AS (
    SELECT reader_id FROM feed_reader WHERE wants_fill ORDER BY reader_id LIMIT %(readers)s FOR UPDATE SKIP LOCKED)
UPDATE feed_reader SET wants_fill = false FROM taken WHERE feed_reader.reader_id = taken.reader_id
RETURNING feed_reader.reader_id
"""

_CANDIDATES: Final = """
SELECT DISTINCT followee_id FROM follow_edge
 WHERE follower_id = ANY(%(readers)s) AND active AND push < 2 AND followee_id <> follower_id
"""

_BEGIN: Final = """
UPDATE follow_edge SET push = 1
 WHERE follower_id = ANY(%(readers)s) AND active AND push = 0 AND followee_id = ANY(%(authors)s)
   AND followee_id <> follower_id
"""

_BACKFILL: Final = f"""
WITH edge AS MATERIALIZED (
    SELECT followee_id, coalesce(since, '-infinity') AS since FROM follow_edge
     WHERE follower_id = %(reader)s AND active AND push = 1
), newest AS (
    SELECT theirs.* FROM edge CROSS JOIN LATERAL (
        SELECT occurred_at, {COLUMNS} FROM activity
         WHERE actor_id = followee_id AND verb = ANY(%(verbs)s)
           AND occurred_at >= greatest(edge.since, %(complete_from)s)
         ORDER BY occurred_at DESC, event_id DESC LIMIT %(depth)s + 1) theirs
     ORDER BY occurred_at DESC, event_id DESC LIMIT %(depth)s + 1
), copied AS (
    INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS})
    SELECT %(reader)s, occurred_at, {COLUMNS} FROM newest
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM copied),
       (SELECT occurred_at + interval '1 microsecond' FROM newest ORDER BY occurred_at, event_id
        LIMIT CASE WHEN (SELECT count(*) FROM newest) > %(depth)s THEN 1 ELSE 0 END)
"""  # noqa: S608 (names of ours)
"""How many rows were copied, and, where there is more than the depth, the time they are complete from."""

_END: Final = """
WITH ended AS (
    UPDATE follow_edge SET push = 2 WHERE follower_id = %(reader)s AND active AND push = 1
    RETURNING began_offset, source_partition
)
UPDATE feed_reader SET began_offset = newest.began_offset, source_partition = newest.source_partition
  FROM (SELECT began_offset, source_partition FROM ended ORDER BY began_offset DESC LIMIT 1) newest
 WHERE reader_id = %(reader)s AND feed_reader.began_offset < newest.began_offset
"""
"""The newest following of all that are pushed: a walk through the pages that began before it is asked at length."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is pushed at most."""

    depth_rows: int
    readers_an_author: int
    rows_an_hour: int
    """Of one author: readers × activities."""


def somebody_asks(cursor: Cursor) -> bool:
    """Whether there is a reader to take, asked without a lock."""
    cursor.execute("SELECT EXISTS (SELECT FROM feed_reader WHERE wants_fill)")
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def take_readers(cursor: Cursor, *, most: int) -> list[int]:
    """Readers whose pulled edges shall be looked at; a follow from now on asks again."""
    cursor.execute(_TAKE, {"readers": most})
    return [reader for (reader,) in cursor.fetchall()]


def begin_pushing(cursor: Cursor, readers: Sequence[int], authors: Sequence[int]) -> int:
    """Posts of transactions that begin after this one's end are pushed along these edges. The number of edges."""
    cursor.execute(_BEGIN, {"readers": list(readers), "authors": list(authors)})
    return cursor.rowcount


def candidates(cursor: Cursor, readers: Sequence[int]) -> list[int]:
    """Authors behind the pulled edges of these readers."""
    cursor.execute(_CANDIDATES, {"readers": list(readers)})
    return [author for (author,) in cursor.fetchall()]


def horizon(cursor: Cursor) -> int:
    """Asked after `begin_pushing` was committed: once `passed` says so, nobody runs who may not have seen it.

    A transaction id of its own, not a snapshot's xmax: that is one behind the last that *ended*, so that one that was
    begun later and runs still would count as not begun.
    """
    cursor.execute("SELECT pg_current_xact_id()::text::bigint")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def passed(cursor: Cursor, horizon: int) -> bool:
    """Whether every transaction older than the horizon has ended."""
    cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    row = cursor.fetchone()
    return row is not None and int(row[0]) >= horizon


def backfill(cursor: Cursor, reader: int, limits: Limits) -> int:
    """Copy what those newly pushed did, newest first, to the depth; then reading takes the copies. Rows copied.

    One transaction of the caller's; the reader's row is locked, so only one of fill, trim and repair goes on at a time.
    """
    locked = lock_reader(cursor, reader)
    if locked is None:
        return 0
    cursor.execute(_BACKFILL, {"reader": reader, "complete_from": locked, "depth": limits.depth_rows, "verbs": VERBS})
    row = cursor.fetchone()
    assert row is not None
    copied, complete_from = row
    if complete_from is not None:
        cursor.execute(
            "UPDATE feed_reader SET complete_from = greatest(complete_from, %(at)s) WHERE reader_id = %(reader)s",
            {"at": complete_from, "reader": reader},
        )
    cursor.execute(_END, {"reader": reader})
    return int(copied)


def lock_reader(cursor: Cursor, reader: int) -> str | None:
    """Its `complete_from` (text: infinities have no Python form); None where it is not pushed to."""
    cursor.execute(
        "SELECT complete_from::text FROM feed_reader WHERE reader_id = %(reader)s FOR UPDATE", {"reader": reader}
    )
    row = cursor.fetchone()
    return None if row is None else str(row[0])


_HAS_EDGE: Final = """EXISTS (SELECT FROM follow_edge f
         WHERE f.follower_id = %(reader)s AND f.followee_id = h.actor_id AND f.push > 0
           AND h.occurred_at >= coalesce(f.since, '-infinity'))"""

_BEYOND: Final = """
SELECT 1 FROM home_feed WHERE reader_id = %(reader)s
 ORDER BY occurred_at DESC, event_id DESC OFFSET %(bound)s LIMIT 1
"""

_TRIM: Final = f"""
WITH boundary AS (
    SELECT occurred_at + interval '1 microsecond' AS at FROM home_feed h
     WHERE reader_id = %(reader)s AND {_HAS_EDGE}
     ORDER BY occurred_at DESC, event_id DESC OFFSET %(depth)s LIMIT 1
), moved AS (
    UPDATE feed_reader SET complete_from = greatest(complete_from, at) FROM boundary
     WHERE reader_id = %(reader)s
)
DELETE FROM home_feed USING boundary WHERE reader_id = %(reader)s AND occurred_at < at
"""  # noqa: S608 (names of ours)

_SWEEP: Final = f"""
DELETE FROM home_feed h
 WHERE reader_id = %(reader)s
   AND (occurred_at < (SELECT complete_from FROM feed_reader WHERE reader_id = %(reader)s) OR NOT {_HAS_EDGE})
"""  # noqa: S608 (names of ours)

_LEFT: Final = """
SELECT follower_id, followee_id, origin_offset FROM follow_edge WHERE follower_id = ANY(%(readers)s) AND rows_left
"""

_SWEPT: Final = """
UPDATE follow_edge SET rows_left = false
  FROM unnest(%(followees)s::bigint[], %(origins)s::bigint[]) AS swept (followee_id, origin_offset)
 WHERE follower_id = %(reader)s AND follow_edge.followee_id = swept.followee_id
   AND follow_edge.origin_offset = swept.origin_offset
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """An edge that may have left rows behind, as it was when it was found."""

    reader: int
    followee: int
    origin_offset: int


def ended(cursor: Cursor, readers: Sequence[int]) -> list[Ended]:
    """What `sweep` may clean up, once `passed` says of a `horizon` asked after this that nobody writes such rows."""
    cursor.execute(_LEFT, {"readers": list(readers)})
    return [Ended(*row) for row in cursor.fetchall()]


def too_deep(cursor: Cursor, reader: int, limits: Limits, *, slack: float = 1.25) -> bool:
    """Whether the reader has more rows than the depth and some: `trim` has a look then."""
    cursor.execute(_BEYOND, {"reader": reader, "bound": int(limits.depth_rows * slack)})
    return cursor.fetchone() is not None


def trim(cursor: Cursor, reader: int, limits: Limits) -> int:
    """Take away what is beyond the depth, counting rows of followings alone; how many. Pages below are pulled."""
    if lock_reader(cursor, reader) is None:
        return 0
    cursor.execute(_TRIM, {"reader": reader, "depth": limits.depth_rows})
    return cursor.rowcount


def sweep(cursor: Cursor, reader: int, gone: Sequence[Ended] = ()) -> int:
    """Take away what no page reads from here: of nobody followed, before a following's `since`, older than complete.

    gone: edges of the reader's that are clean afterwards, unless they changed since they were found.
    """
    if lock_reader(cursor, reader) is None:
        return 0
    cursor.execute(_SWEEP, {"reader": reader})
    removed = cursor.rowcount
    if gone:
        followees, origins = [edge.followee for edge in gone], [edge.origin_offset for edge in gone]
        cursor.execute(_SWEPT, {"reader": reader, "followees": followees, "origins": origins})
    return removed


def set_back(cursor: Cursor, readers: Iterable[int], *, keep: bool) -> None:
    """Read these by pull at once; `keep`: fill them anew, else push to them no more until they read again."""
    asked = {"readers": sorted(readers)}
    cursor.execute("SELECT FROM feed_reader WHERE reader_id = ANY(%(readers)s) ORDER BY reader_id FOR UPDATE", asked)
    cursor.execute("UPDATE follow_edge SET push = 0 WHERE follower_id = ANY(%(readers)s) AND push > 0", asked)
    cursor.execute("DELETE FROM home_feed WHERE reader_id = ANY(%(readers)s)", asked)
    if keep:
        cursor.execute(
            "UPDATE feed_reader SET complete_from = '-infinity', wants_fill = true WHERE reader_id = ANY(%(readers)s)",
            asked,
        )
    else:
        cursor.execute("DELETE FROM feed_reader WHERE reader_id = ANY(%(readers)s)", asked)
