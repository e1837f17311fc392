"""A synthetic network written straight into Postgres: what the engine would have left, without the hours it took.

Authors post in turns; each reader follows authors in a row; everything is pushed, and the audit agrees with it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import psycopg2

from feedmill.runtime.feeds.rows import COLUMNS

FIRST_AUTHOR = 1_000_000
FIRST_READER = 2_000_000
FIRST_OBJECT = 5_000_000


@dataclass(frozen=True, slots=True)
class Network:
    """readers × follows × posts = rows of home feeds."""

    authors: int
    posts: int
    """Of each author."""
    readers: int
    follows: int
    first_author: int = FIRST_AUTHOR
    first_reader: int = FIRST_READER
    first_object: int = FIRST_OBJECT

    @property
    def rows(self) -> int:
        return self.readers * self.follows * self.posts

    def reader_ids(self) -> range:
        return range(self.first_reader, self.first_reader + self.readers)


_PEOPLE = """
INSERT INTO user_profile (id, handle, uuid, name, created_at, updated_at)
SELECT first + n, 'b' || (first + n), gen_random_uuid(), 'Somebody ' || n, now(), now()
  FROM (VALUES (%(first_author)s, %(authors)s), (%(first_reader)s, %(readers)s)) AS kind (first, number),
       generate_series(0, number - 1) n
ON CONFLICT DO NOTHING
"""
_POSTS = """
WITH post AS (
    SELECT %(first_author)s + n / %(posts)s AS actor, %(first_object)s + n AS id,
           now() - interval '30 days' + make_interval(secs => (n %% %(posts)s) * 1000 + n / %(posts)s * 0.01) AS at
      FROM generate_series(0, %(authors)s * %(posts)s - 1) n
), made AS (
    INSERT INTO object (type, id, author_id, content, created_at, origin_offset)
    SELECT 'post', id, actor, to_jsonb('Something worth reading, of an ordinary length and number ' || id), at, 0
      FROM post
)
INSERT INTO activity (event_id, verb, actor_id, object_type, object_id, occurred_at, source_partition, source_offset,
                      enriched_offset, accepted_at, enriched_at)
SELECT gen_random_uuid(), 'post', actor, 'post', id, at, 0, -1, -1, at, at FROM post
"""
_EDGES = """
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)
SELECT %(first_reader)s + r, %(first_author)s + (r * 7 + f) %% %(authors)s, true, now(), -1, %(push)s
  FROM generate_series(0, %(readers)s - 1) r, generate_series(0, %(follows)s - 1) f
"""
_READERS = """
INSERT INTO feed_reader (reader_id, read_at, wants_fill)
SELECT %(first_reader)s + r, now(), false FROM generate_series(0, %(readers)s - 1) r
"""
_ROWS = f"""
INSERT INTO home_feed (reader_id, occurred_at, {COLUMNS})
SELECT follower_id, a.occurred_at, {", ".join(f"a.{name}" for name in COLUMNS.split(", "))}
  FROM activity a JOIN follow_edge ON followee_id = a.actor_id AND push = 2
 WHERE a.actor_id BETWEEN %(first_author)s AND %(first_author)s + %(authors)s - 1
   AND follower_id BETWEEN %(first_reader)s AND %(first_reader)s + %(readers)s - 1
 ORDER BY a.occurred_at
"""


_WIDE_EDGES = """
INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)
SELECT %(first_wide)s + r, %(first_author)s + (r * 7 + f * 97) %% %(authors)s, true, now(), -1, 2
  FROM generate_series(0, %(wide)s - 1) r, generate_series(0, %(wide_follows)s - 1) f
"""


def follow_widely(dsn: str, network: Network, *, readers: int, follows: int) -> range:
    """More readers of a network's authors, far apart from one another; pushed. The readers' ids."""
    first = network.first_reader + network.readers
    asked = {name: getattr(network, name) for name in network.__slots__}
    asked |= {"first_wide": first, "wide": readers, "wide_follows": follows}
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_WIDE_EDGES, asked)
        for statement in (_PEOPLE, _READERS, _ROWS):
            cursor.execute(statement, asked | {"first_reader": first, "readers": readers})
    return range(first, first + readers)


def build(dsn: str, network: Network, *, push: bool = True) -> None:
    """In one transaction; statistics at the end."""
    asked = {name: getattr(network, name) for name in network.__slots__} | {"push": 2 if push else 0}
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '256MB'")
        for statement in (_PEOPLE, _POSTS, _EDGES, *((_READERS, _ROWS) if push else ())):
            cursor.execute(statement, asked)
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE home_feed, activity, object, follow_edge, user_profile, feed_reader")
