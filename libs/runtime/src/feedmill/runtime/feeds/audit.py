"""Is what is pushed what the definition says? One reader at a time, in one snapshot; and mended where it is not."""

from dataclasses import dataclass
from typing import Final

from feedmill.runtime.feeds.rows import COLUMNS, VERBS, Cursor, lock_reader

_WANTED: Final = f"""
WITH reader AS MATERIALIZED (
    SELECT reader_id, complete_from FROM feed_reader WHERE reader_id = %(reader)s
), edge AS MATERIALIZED (
    SELECT followee_id, greatest(since, complete_from) AS since
      FROM follow_edge JOIN reader ON follower_id = reader_id WHERE push = 2
), wanted AS MATERIALIZED (
    SELECT a.occurred_at, {", ".join(f"a.{name}" for name in COLUMNS.split(", "))}
      FROM edge JOIN activity a ON a.actor_id = edge.followee_id AND a.occurred_at >= edge.since
     WHERE a.verb = ANY(%(verbs)s)
), kept AS MATERIALIZED (
    SELECT h.occurred_at, {", ".join(f"h.{name}" for name in COLUMNS.split(", "))}
      FROM reader JOIN home_feed h ON h.reader_id = reader.reader_id AND h.occurred_at >= complete_from
      LEFT JOIN follow_edge f ON f.follower_id = h.reader_id AND f.followee_id = h.actor_id
     WHERE NOT coalesce(f.rows_left AND (NOT f.active OR h.occurred_at < f.since), false)
       AND NOT coalesce(f.active AND f.push < 2, false)
), missing AS MATERIALIZED (
    SELECT * FROM wanted EXCEPT SELECT * FROM kept
), extra AS MATERIALIZED (
    SELECT * FROM kept EXCEPT SELECT * FROM wanted
)"""  # noqa: S608 (names of ours)
"""`since` null (all): greatest ignores nulls. Kept is what a page may show: what an ended following left behind is
marked and waits for the sweep, what is pulled is not looked at."""

_COUNT: Final = f"""{_WANTED}
SELECT (SELECT count(*) FROM missing WHERE event_id NOT IN (SELECT event_id FROM extra)),
       (SELECT count(*) FROM extra WHERE event_id NOT IN (SELECT event_id FROM missing)),
       (SELECT count(*) FROM extra WHERE event_id IN (SELECT event_id FROM missing)),
       (SELECT count(*) FROM wanted)
"""  # noqa: S608 (names of ours)

_REMOVE: Final = f"""{_WANTED}
DELETE FROM home_feed h USING extra
 WHERE h.reader_id = %(reader)s AND h.occurred_at = extra.occurred_at AND h.event_id = extra.event_id
"""  # noqa: S608 (names of ours)

_INSERT: Final = f"""{_WANTED}
INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS})
SELECT %(reader)s, occurred_at, {COLUMNS} FROM missing
ON CONFLICT DO NOTHING
"""  # noqa: S608 (names of ours)

_SAMPLE: Final = """
SELECT reader_id FROM feed_reader WHERE reader_id > %(after)s ORDER BY reader_id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """misordered: the row is there with another time or content than its activity's."""

    reader_id: int
    missing: int
    extra: int
    misordered: int
    rows: int

    @property
    def wrong(self) -> int:
        return self.missing + self.extra + self.misordered


def audit(cursor: Cursor, reader: int) -> Finding:
    """Compare the reader's rows with the definition."""
    cursor.execute(_COUNT, {"reader": reader, "verbs": VERBS})
    row = cursor.fetchone()
    assert row is not None
    return Finding(reader, *row)


def repair(cursor: Cursor, reader: int) -> None:
    """Make the reader's rows what the definition says. In a transaction of the caller's."""
    if lock_reader(cursor, reader) is None:
        return
    asked = {"reader": reader, "verbs": VERBS}
    cursor.execute(_REMOVE, asked)
    cursor.execute(_INSERT, asked)


def readers_after(cursor: Cursor, after: int, *, most: int) -> list[int]:
    """The next readers pushed to, in the order of their ids."""
    cursor.execute(_SAMPLE, {"after": after, "most": most})
    return [reader for (reader,) in cursor.fetchall()]
