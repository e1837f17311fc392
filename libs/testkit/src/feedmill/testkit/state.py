"""Rows of Postgres's state, written as the sink would have left them: for tests of those who read it.

with Seed(dsn) as seed:
    ivan, nico = seed.user("ivan", key="abc123"), seed.user("nico")
    seed.post(nico, "hello")
    seed.follow(ivan, nico)
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

import psycopg2
from psycopg2.extras import execute_values

from feedmill.contracts.topics import ACTIVITY_ENRICHED

BEGIN: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""When the first activity happens; each next one a second later, unless the test says when."""

TABLES: Final = (
    *("user_profile", "object", "activity", "follow_edge", "object_like", "user_edge", "sink_position"),
    *("feed_position", "notice", "object_mention", "object_tag", "home_feed", "feed_reader", "feed_author"),
    *("api_key", "id_block", "name_reservation"),
)


class Seed:
    """Ids count from 1, per kind. Each call commits."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True
        self._ids: dict[str, int] = {}
        self._ticks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def clear(self) -> None:
        """As new."""
        self.execute(f"TRUNCATE {', '.join(TABLES)}")
        self._ids.clear()
        self._ticks = 0

    def execute(self, sql: str, arguments: Sequence[object] = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, arguments)

    def user(self, handle: str, *, key: str | None = None, scopes: Iterable[str] = ()) -> int:
        """A user, with a key where one is given."""
        user_id = self._next("user")
        self.execute(
            "INSERT INTO user_profile (id, handle, uuid, name, email, created_at, updated_at, origin_offset)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 0)",
            (user_id, handle, str(uuid.uuid4()), handle.title(), f"{handle}@example.org", BEGIN, BEGIN),
        )
        if key is not None:
            self.key(key, owner=f"user:{handle}", user_id=user_id, scopes=scopes)
        return user_id

    def key(self, key: str, *, owner: str, user_id: int | None = None, scopes: Iterable[str] = ()) -> None:
        self.execute(
            "INSERT INTO api_key (id, key_hash, user_id, owner, scopes) VALUES (%s, %s, %s, %s, %s)",
            (str(uuid.uuid4()), hashlib.sha256(key.encode()).digest(), user_id, owner, list(scopes)),
        )

    def post(
        self, author_id: int, content: object = "a post", *, type: str = "post", at: datetime | None = None
    ) -> int:
        """An object and the activity that made it; the object's id."""
        at = at or self._next_second()
        object_id = self._object(type, author_id, content, at)
        self.activity("post", author_id, type, object_id, at=at)
        return object_id

    def comment(self, author_id: int, content: object, target_type: str, target_id: int) -> int:
        at = self._next_second()
        object_id = self._object("comment", author_id, content, at)
        self.activity("comment", author_id, "comment", object_id, target=(target_type, target_id), at=at)
        return object_id

    def follow(self, follower_id: int, followee_id: int, *, since: datetime | None = None, active: bool = True) -> None:
        """The edge and its activity: follow, or (not active) unfollow."""
        at = self._next_second()
        self.activity("follow" if active else "unfollow", follower_id, "user", followee_id, at=at)
        self.execute(
            "INSERT INTO follow_edge (follower_id, followee_id, active, since, followed_at, origin_offset)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (follower_id, followee_id)"
            " DO UPDATE SET active = excluded.active, since = excluded.since, origin_offset = excluded.origin_offset,"
            " push = 0, rows_left = follow_edge.rows_left OR follow_edge.active",
            (follower_id, followee_id, active, since, at, self._ticks),
        )

    def edge(self, actor_id: int, kind: str, object_id: int, *, active: bool = True) -> None:
        """A mute, block, recommend or connect, or (not active) its end."""
        at = self._next_second()
        self.execute(
            "INSERT INTO user_edge (actor_id, kind, object_id, active, began_at, ended_offset, origin_offset)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (actor_id, kind, object_id) DO UPDATE"
            " SET active = excluded.active, began_at = excluded.began_at, ended_offset = excluded.ended_offset",
            (actor_id, kind, object_id, active, at if active else None, -1 if active else self._ticks, self._ticks),
        )

    def delete(self, type: str, object_id: int) -> None:
        self.execute("UPDATE object SET deleted_at = now() WHERE type = %s AND id = %s", (type, object_id))

    def activity(
        self,
        verb: str,
        actor_id: int,
        object_type: str | None,
        object_id: int | None,
        *,
        target: tuple[str, int] | None = None,
        at: datetime | None = None,
        event_id: uuid.UUID | None = None,
    ) -> uuid.UUID:
        """One row of `activity`; its event_id."""
        event_id = event_id or uuid.uuid4()
        self.activities([(event_id, verb, actor_id, object_type, object_id, *(target or (None, None)), at)])
        return event_id

    def activities(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Many at once: (event_id, verb, actor_id, object_type, object_id, target_type, target_id, at or None)."""
        made = []
        for event_id, *middle, at in rows:
            made.append((str(event_id), *middle, at or self._next_second(), self._ticks))
        with self._connection.cursor() as cursor:
            execute_values(
                cursor,
                "INSERT INTO activity (event_id, verb, actor_id, object_type, object_id, target_type, target_id,"
                " occurred_at, source_partition, source_offset, enriched_offset, accepted_at, enriched_at) VALUES %s",
                made,
                template="(%s, %s, %s, %s, %s, %s, %s, %s, 0, %s, 0, now(), now())",
            )

    def applied(self, partition: int, source_offset: int) -> None:
        """How far the Postgres sink has come in a partition of the activities."""
        self.execute(
            "INSERT INTO sink_position VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (topic, partition) DO UPDATE SET source_offset = excluded.source_offset",
            (ACTIVITY_ENRICHED.name, partition, source_offset, source_offset + 1),
        )

    def _object(self, type: str, author_id: int, content: object, at: datetime) -> int:
        object_id = self._next(type)
        self.execute(
            "INSERT INTO object (type, id, author_id, content, created_at, origin_offset)"
            " VALUES (%s, %s, %s, %s, %s, 0)",
            (type, object_id, author_id, json.dumps(content), at),
        )
        return object_id

    def _next(self, kind: str) -> int:
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return self._ids[kind]

    def _next_second(self) -> datetime:
        self._ticks += 1
        return BEGIN + timedelta(seconds=self._ticks)
