"""What the door asks Postgres about the world. Each method: one query. All raise StoreAway."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from feedmill.runtime.postgres import Postgres, Row, StoreAway

ObjectKey = tuple[str, int]
"""type, id"""
NthPost = tuple[int, int]
"""An author and N: the N-th latest post, 1 is the latest."""


class Stored(NamedTuple):
    """An event as Postgres has it."""

    object_type: str | None
    object_id: int | None
    occurred_at: datetime


class StoredUser(NamedTuple):
    """A user as Postgres has it."""

    id: int
    handle: str
    uuid: str
    name: str
    email: str | None
    college: str | None
    created_at: datetime


class Erasure(NamedTuple):
    """How a user ended. partition, offset: where the raw log has it."""

    event_id: str
    erased_at: datetime
    partition: int
    offset: int


class World(Protocol):
    """What is known of users and objects; a fake in unit tests, Postgres else."""

    @property
    def up(self) -> bool: ...
    async def authors(self, objects: Sequence[ObjectKey]) -> Mapping[ObjectKey, int]: ...
    async def users(self, ids: Sequence[int]) -> Mapping[int, StoredUser]: ...
    async def stored(self, event_ids: Sequence[str]) -> Mapping[str, Stored]: ...
    async def nth_latest_posts(self, asked: Sequence[NthPost]) -> Mapping[NthPost, datetime]: ...
    async def user_id_of(self, handle: str) -> int | None: ...
    async def is_user(self, user_id: int) -> bool: ...
    async def erasure_of(self, user_id: int) -> Erasure | None: ...
    async def follows(self, follower_id: int, followee_id: int) -> bool: ...
    async def is_there(self, object_: ObjectKey) -> bool: ...


_STATE: Final = """SELECT state.rebuilding, found.*
  FROM (SELECT EXISTS (SELECT FROM rebuild WHERE finished_at IS NULL) AS rebuilding) AS state"""


def _judged(question: str) -> str:
    """A query that always gives a row: whether the state is being rebuilt, beside what `question` finds."""
    return "".join((_STATE, " LEFT JOIN LATERAL (", question, ") AS found ON true"))


_AUTHORS: Final = _judged("""SELECT o.type, o.id, o.author_id
  FROM object o JOIN unnest($1::text[], $2::bigint[]) AS asked(type, id) USING (type, id)
 WHERE o.author_id IS NOT NULL""")
_NTH_POSTS: Final = _judged("""SELECT asked.author_id, asked.n, nth.created_at
  FROM unnest($1::bigint[], $2::bigint[]) AS asked(author_id, n), LATERAL (
    SELECT created_at FROM object
     WHERE author_id = asked.author_id AND deleted_at IS NULL AND type <> 'comment'
     ORDER BY created_at DESC OFFSET asked.n - 1 LIMIT 1) AS nth""")
_USER: Final = _judged("SELECT id FROM user_profile WHERE handle = $1 AND erased_at IS NULL ORDER BY id LIMIT 1")
_FOLLOWS: Final = _judged("SELECT follower_id FROM follow_edge WHERE follower_id = $1 AND followee_id = $2 AND active")
_IS_USER: Final = _judged("SELECT id FROM user_profile WHERE id = $1 AND handle IS NOT NULL AND erased_at IS NULL")
_ERASURE: Final = _judged("""SELECT event_id::text, occurred_at, source_partition, source_offset FROM activity
 WHERE object_type = 'user' AND object_id = $1 AND verb = 'user-erased'
 ORDER BY source_offset LIMIT 1""")
_IS_THERE: Final = _judged("""SELECT o.id FROM object o
 WHERE o.type = $1 AND o.id = $2 AND o.author_id IS NOT NULL AND o.deleted_at IS NULL
   AND NOT EXISTS (SELECT FROM user_profile u WHERE u.id = o.author_id AND u.erased_at IS NOT NULL)""")
_USERS: Final = """SELECT id, handle, uuid::text, name, email, college, created_at
  FROM user_profile WHERE id = ANY($1::bigint[]) AND handle IS NOT NULL"""
_STORED: Final = "SELECT event_id, object_type, object_id, occurred_at FROM activity WHERE event_id = ANY($1::uuid[])"


class PostgresWorld:
    """State as applied so far. While it is being rebuilt from the log nothing can be judged by it: StoreAway."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @property
    def up(self) -> bool:
        """False while Postgres is known to be away."""
        return self._postgres.up

    async def users(self, ids: Sequence[int]) -> Mapping[int, StoredUser]:
        """Those of the users that are in the state."""
        return {row["id"]: StoredUser(*row) for row in await self._postgres.fetch(_USERS, ids)}

    async def authors(self, objects: Sequence[ObjectKey]) -> Mapping[ObjectKey, int]:
        """Author of each object that was ever created, deleted ones too; the others are left out."""
        types, ids = [type_ for type_, _ in objects], [id_ for _, id_ in objects]
        rows = await self._ask(_AUTHORS, types, ids)
        return {(row["type"], row["id"]): row["author_id"] for row in rows if row["id"] is not None}

    async def stored(self, event_ids: Sequence[str]) -> Mapping[str, Stored]:
        """Those of the events that are in the state."""
        rows = await self._postgres.fetch(_STORED, [UUID(event_id) for event_id in event_ids])
        return {str(row["event_id"]): Stored(row["object_type"], row["object_id"], row["occurred_at"]) for row in rows}

    async def nth_latest_posts(self, asked: Sequence[NthPost]) -> Mapping[NthPost, datetime]:
        """When each was made; where the author has fewer it is left out."""
        rows = await self._ask(_NTH_POSTS, [author_id for author_id, _ in asked], [n for _, n in asked])
        return {(row["author_id"], row["n"]): row["created_at"] for row in rows if row["n"] is not None}

    async def user_id_of(self, handle: str) -> int | None:
        """Should two claim one handle, the lower id has it."""
        return (await self._ask(_USER, handle))[0]["id"]  # type: ignore[no-any-return]

    async def is_user(self, user_id: int) -> bool:
        """Whether somebody has this id, and is not erased."""
        return (await self._ask(_IS_USER, user_id))[0]["id"] is not None

    async def erasure_of(self, user_id: int) -> Erasure | None:
        """The first, should there be several; None: nobody was erased under this id."""
        found = (await self._ask(_ERASURE, user_id))[0]
        return None if found["event_id"] is None else Erasure(*tuple(found)[1:])

    async def follows(self, follower_id: int, followee_id: int) -> bool:
        """Whether the edge is active now."""
        return (await self._ask(_FOLLOWS, follower_id, followee_id))[0]["follower_id"] is not None

    async def is_there(self, object_: ObjectKey) -> bool:
        """Whether it can be liked or shared: made, not deleted, its author not erased."""
        return (await self._ask(_IS_THERE, *object_))[0]["id"] is not None

    async def _ask(self, sql: str, *arguments: object) -> list[Row]:
        rows = await self._postgres.fetch(sql, *arguments)
        if rows[0]["rebuilding"]:
            raise StoreAway("the state is being rebuilt from the log")
        return rows
