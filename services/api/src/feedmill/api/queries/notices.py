"""What happened that concerns someone, in groups: "ivan and 3 others liked your post".

The notices say where to look, newest first by the newest time anything was ever said there; who and how many is counted
from the sets, as the reader may see them. What stands is never newer than that time, so of the groups looked at, those
whose own newest deed is newer than the last one's bound are in their places for good.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from feedmill.api.cursor import Key
from feedmill.api.queries.activities import VISIBLE_USER
from feedmill.api.queries.hidden import HIDDEN, SEEN_ACTOR
from feedmill.api.queries.item import posted
from feedmill.api.wire import Actor, Notice, Thing
from feedmill.contracts.times import short_time
from feedmill.runtime.postgres import Postgres, Row

SHOWN_ACTORS: Final = 3
MAX_GROUPS: Final = 16_384
"""Looked at for one page at most: so far back do notifications reach."""

_LIKES: Final = """
       SELECT actor_id, liked_at FROM object_like
        WHERE b.kind = 'like' AND object_type = b.about_type AND object_id = b.about_id AND active"""
_SHARES: Final = """
       SELECT actor_id, occurred_at FROM activity
        WHERE b.kind = 'share' AND object_type = b.about_type AND object_id = b.about_id AND verb = 'share'"""
_COMMENTS: Final = """
       SELECT a.actor_id, a.occurred_at FROM activity a
         JOIN object said ON said.type = a.object_type AND said.id = a.object_id AND said.deleted_at IS NULL
        WHERE b.kind = 'comment' AND a.target_type = b.about_type AND a.target_id = b.about_id AND a.verb = 'comment'"""
_FOLLOWS: Final = """
       SELECT follower_id, followed_at FROM follow_edge
        WHERE b.kind = 'follow' AND followee_id = $1 AND active
          AND followed_at >= to_timestamp(b.about_id * 86400.0)
          AND followed_at < to_timestamp((b.about_id + 1) * 86400.0)"""
_MENTIONS: Final = """
       SELECT b.actor_id, b.latest_at WHERE b.kind = 'mention'"""
_DEEDS: Final = "\n        UNION ALL".join((_LIKES, _SHARES, _COMMENTS, _FOLLOWS, _MENTIONS))

SQL: Final = f"""
WITH {HIDDEN.format(viewer="$1")},
reader AS MATERIALIZED (SELECT id, handle FROM user_profile WHERE id = $1 AND {VISIBLE_USER}),
bound AS MATERIALIZED (
    (SELECT n.kind, n.about_type, n.about_id, NULL::bigint AS actor_id, n.latest_at,
            md5(n.kind || n.about_type || n.about_id)::uuid AS id
       FROM notice n, reader
      WHERE n.owner_id = $1
      ORDER BY n.latest_at DESC, n.kind, n.about_type, n.about_id
      LIMIT $2)
     UNION ALL
    (SELECT 'mention', a.object_type, a.object_id, a.actor_id, m.occurred_at, m.event_id
       FROM reader
       JOIN object_mention m ON m.handle = lower(reader.handle)
       JOIN activity a ON a.event_id = m.event_id
       LEFT JOIN object t ON t.type = a.target_type AND t.id = a.target_id AND t.deleted_at IS NULL
       LEFT JOIN user_profile theirs ON theirs.id = t.author_id AND theirs.shown IS NOT NULL
      WHERE (a.target_type IS NULL OR theirs.id IS NOT NULL AND theirs.id NOT IN (SELECT id FROM blocked))
        AND NOT EXISTS (SELECT FROM user_profile twin WHERE twin.handle = reader.handle AND twin.id < reader.id)
      ORDER BY m.occurred_at DESC, m.event_id DESC
      LIMIT $2)
     ORDER BY latest_at DESC, id DESC
     LIMIT $2)
SELECT b.kind, b.about_type, b.about_id, b.latest_at AS bound_at, b.id, stands.*,
       o.content, o.title, o.url, nullif(o.tags, '{{}}') AS tags, nullif(o.mentions, '{{}}') AS mentions,
       o.created_at, o.author_id, author.handle, author.name,
       (b.kind = 'follow' OR o.author_id IS NOT NULL AND o.deleted_at IS NULL) IS TRUE AND stands.people > 0 AS seen
  FROM bound b
  LEFT JOIN object o ON b.kind <> 'follow' AND o.type = b.about_type AND o.id = b.about_id
  LEFT JOIN user_profile author ON author.id = o.author_id
 CROSS JOIN LATERAL (
       WITH person AS MATERIALIZED (
           SELECT u.id, u.handle, u.name, count(*) AS deeds, max(deed.at) AS at
             FROM ({_DEEDS}) AS deed (actor_id, at)
             JOIN user_profile u ON u.id = deed.actor_id AND {SEEN_ACTOR} AND u.id <> $1
            GROUP BY u.id, u.handle, u.name),
       newest AS MATERIALIZED (SELECT id, handle, name, at FROM person ORDER BY at DESC, id DESC LIMIT {SHOWN_ACTORS})
       SELECT count(*)::int AS people, sum(deeds)::int AS deeds, max(at) AS latest_at,
              ARRAY(SELECT id FROM newest ORDER BY at DESC, id DESC) AS ids,
              ARRAY(SELECT handle FROM newest ORDER BY at DESC, id DESC) AS handles,
              ARRAY(SELECT name FROM newest ORDER BY at DESC, id DESC) AS names
         FROM person) AS stands
 ORDER BY b.latest_at DESC, b.id DESC"""  # noqa: S608 (a constant of ours)

SQL_POSITION: Final = "SELECT seen_through, read_through FROM feed_position WHERE reader_id = $1 AND feed = $2"


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """How far a reader has come in one of its feeds; None: never."""

    seen_through: datetime | None = None
    read_through: datetime | None = None


async def read_position(postgres: Postgres, reader_id: int, feed: str) -> ReadPosition:
    """feed: home or notifications."""
    row = await postgres.fetchrow(SQL_POSITION, reader_id, feed)
    return ReadPosition() if row is None else ReadPosition(*row)


async def notices(
    postgres: Postgres, *, reader_id: int, before: Key, limit: int, position: ReadPosition
) -> tuple[list[Notice], Key | None]:
    """One page of groups, newest first, and the key to go on after. Looks from the top each time: pages are few."""
    groups = limit + 1
    while True:
        rows = await postgres.fetch(SQL, reader_id, groups)
        bound_at = rows[-1]["bound_at"] if len(rows) == groups else None
        found = sorted((_key(row), row) for row in rows if row["seen"])
        placed = [(key, row) for key, row in reversed(found) if bound_at is None or key.occurred_at > bound_at]
        page = [(key, row) for key, row in placed if key < before]
        if len(page) > limit:
            return [_notice(row, position) for _, row in page[:limit]], page[limit - 1][0]
        if bound_at is None or groups >= MAX_GROUPS:
            return [_notice(row, position) for _, row in page], None
        groups = min(4 * groups, MAX_GROUPS)


def _key(row: Row) -> Key:
    return Key(row["latest_at"], row["id"])


def _notice(row: Row, position: ReadPosition) -> Notice:
    kind, about_type, about_id, latest_at = row["kind"], row["about_type"], row["about_id"], row["latest_at"]
    actors = [Actor(*one) for one in zip(row["ids"], row["handles"], row["names"], strict=True)]
    thing: Thing | None = None
    if kind != "follow":
        author = Actor(row["author_id"], row["handle"], row["name"])
        thing = posted(about_type, about_id, author, row[11:20])
    return Notice(
        f"{kind}:{row['id']}" if kind == "mention" else f"{kind}:{about_type}:{about_id}",
        kind,
        f"{_who(actors, row['people'])} {_DID[kind].format(about_type)}",
        thing,
        actors,
        row["people"],
        row["deeds"],
        short_time(latest_at),
        seen=_through(latest_at, position.seen_through),
        read=_through(latest_at, position.read_through),
    )


_DID: Final = {
    "like": "liked your {}",
    "share": "shared your {}",
    "comment": "commented on your {}",
    "follow": "followed you",
    "mention": "mentioned you in a {}",
}


def _who(actors: list[Actor], people: int) -> str:
    """`ivan`; `ivan and nico`; `ivan and 3 others`."""
    if people == 1:
        return actors[0].handle
    if people == 2:
        return f"{actors[0].handle} and {actors[1].handle}"
    return f"{actors[0].handle} and {people - 1} others"


def _through(at: datetime, through: datetime | None) -> bool:
    return through is not None and at <= through
