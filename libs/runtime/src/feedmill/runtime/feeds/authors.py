"""Which authors are pushed and which are pulled, by what each would cost, measured.

Pushing costs a row for each reader and activity; pulling costs a probe for each page a reader looks at. So an author
is pulled who has many readers, or few readers and a great many activities; readers are followers who read their feed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from feedmill.runtime.feeds.rows import VERBS, Cursor, Limits, asking

Mode = Literal["push", "pull"]

BACK_SHARE: Final = 0.8
"""A pulled author is pushed again below this share of the limits, so that nobody goes to and fro."""
FOLLOWERS_LOOKED_AT: Final = 10
"""For a pulled author so many times the limit: beyond that many followers some of them surely read."""
ACTIVITIES_LOOKED_AT: Final = 10_000
"""An hour's activities are counted up to here."""


@dataclass(frozen=True, slots=True)
class Author:
    author_id: int
    mode: Mode | None
    """None: not decided yet."""
    readers: int
    activities_an_hour: int


def mode_of(author: Author, limits: Limits) -> Mode:
    """Pure: the mode that the measured cost asks for."""
    share = BACK_SHARE if author.mode == "pull" else 1.0
    many = author.readers > limits.readers_an_author * share
    costly = author.readers * author.activities_an_hour > limits.rows_an_hour * share
    return "pull" if many or costly else "push"


_MEASURE: Final = """
SELECT asked.id, kept.mode,
       CASE WHEN kept.mode = 'pull' THEN (
            SELECT CASE WHEN count(*) > %(looked_at)s THEN %(most)s + 1 ELSE count(r.reader_id) END
              FROM (SELECT follower_id FROM follow_edge WHERE followee_id = asked.id AND active
                     LIMIT %(looked_at)s + 1) follower
              LEFT JOIN feed_reader r ON r.reader_id = follower_id)
       ELSE (SELECT count(*) FROM (SELECT FROM follow_edge WHERE followee_id = asked.id AND push > 0
                                    LIMIT %(most)s + 1) pushed) END,
       (SELECT count(*) FROM (
            SELECT FROM activity WHERE actor_id = asked.id AND verb = ANY(%(verbs)s)
               AND occurred_at > now() - interval '1 hour' LIMIT %(activities)s) lately)
  FROM unnest(%(authors)s::bigint[]) AS asked (id)
  LEFT JOIN feed_author kept ON kept.author_id = asked.id
"""

_KEEP: Final = """
INSERT INTO feed_author (author_id, mode, readers, activities_an_hour)
VALUES (%(author)s, %(mode)s, %(readers)s, %(activities)s)
ON CONFLICT (author_id) DO UPDATE
   SET mode = excluded.mode, readers = excluded.readers, activities_an_hour = excluded.activities_an_hour,
       reviewed_at = now()
"""

_STOP_PUSHING: Final = """
UPDATE follow_edge SET push = 0
 WHERE (follower_id, followee_id) IN (
       SELECT follower_id, followee_id FROM follow_edge
        WHERE followee_id = %(author)s AND push > 0 ORDER BY follower_id LIMIT %(chunk)s FOR UPDATE SKIP LOCKED)
"""

_ASK_READERS: Final = "WITH " + asking(  # noqa: S608 (names of ours)
    "reader_id IN (SELECT follower_id FROM follow_edge WHERE followee_id = %(author)s AND active AND push = 0)"
)

_OLDEST: Final = """
SELECT author_id FROM feed_author WHERE reviewed_at < now() - make_interval(secs => %(after_s)s)
 ORDER BY reviewed_at LIMIT %(most)s
"""


def measure(cursor: Cursor, authors: Sequence[int], limits: Limits) -> list[Author]:
    """What each costs now; counts end a little above the limits."""
    cursor.execute(
        _MEASURE,
        {
            "authors": list(authors),
            "most": limits.readers_an_author,
            "looked_at": limits.readers_an_author * FOLLOWERS_LOOKED_AT,
            "activities": ACTIVITIES_LOOKED_AT,
            "verbs": VERBS,
        },
    )
    return [Author(*row) for row in cursor.fetchall()]


def keep(cursor: Cursor, author: Author, mode: Mode) -> None:
    """Remember the decision and the cost it is made of."""
    cursor.execute(
        _KEEP,
        {
            "author": author.author_id,
            "mode": mode,
            "readers": author.readers,
            "activities": author.activities_an_hour,
        },
    )


def stop_pushing(cursor: Cursor, author_id: int, *, chunk: int) -> int:
    """A chunk of the author's edges is pulled from now on, each right by itself. The number; 0: none is left."""
    cursor.execute(_STOP_PUSHING, {"author": author_id, "chunk": chunk})
    return cursor.rowcount


def ask_readers(cursor: Cursor, author_id: int) -> int:
    """Let the author's readers be filled. How many were asked."""
    cursor.execute(_ASK_READERS, {"author": author_id})
    return cursor.rowcount


def due(cursor: Cursor, *, after_s: float, most: int) -> list[int]:
    """Authors not reviewed for so long, those longest ago first."""
    cursor.execute(_OLDEST, {"after_s": after_s, "most": most})
    return [author for (author,) in cursor.fetchall()]
