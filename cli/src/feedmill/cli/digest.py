"""Fingerprints of what is derived from the log: equal digests, equal state, whatever replicas and batches made it.

Rows go through the hash in the order of their keys as they stream in; nothing is held. Left out: positions, offsets
and versions, times of acceptance and insertion, and what is operational (keys, id blocks, reservations).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

import psycopg2

from feedmill.cli.migrate import clickhouse_client


@dataclass(frozen=True, slots=True)
class Dump:
    columns: str
    order_by: str


POSTGRES: Final[Mapping[str, Dump]] = {
    "activity": Dump(
        "event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at", "event_id"
    ),
    "feed_position": Dump("reader_id, feed, seen_through, read_through", 'reader_id, feed COLLATE "C"'),
    "follow_edge": Dump("follower_id, followee_id, active, since, followed_at", "follower_id, followee_id"),
    "object": Dump(
        "type, id, author_id, content::text, title, url, canonical_url, tags, mentions, space_id, created_at, "
        "deleted_at",
        'type COLLATE "C", id',
    ),
    "object_like": Dump(
        "actor_id, object_type, object_id, active, liked_at", 'actor_id, object_type COLLATE "C", object_id'
    ),
    "user_edge": Dump("actor_id, kind, object_id, active, began_at", 'actor_id, kind COLLATE "C", object_id'),
    "user_profile": Dump("id, handle, uuid, name, email, college, created_at, updated_at, erased_at", "id"),
}
DERIVED_IN_POSTGRES: Final = frozenset({"feed_author", "home_feed", "notice", "object_mention", "object_tag"})
"""Made by the sink from what is in the digest: emptied by a rebuild, in no fingerprint."""

NOT_STATE_IN_POSTGRES: Final = frozenset(
    {
        "api_key",
        "feed_reader",
        "id_block",
        "import_run",
        "name_reservation",
        "rebuild",
        "schema_migration",
        "sink_position",
    }
)

CLICKHOUSE: Final[Mapping[str, Dump]] = {
    "article": Dump(
        "event_id, id, date_time, readers, saga_id, saga_probability, saga_model, entity_list, set_aside, text",
        "id, event_id",
    ),
    "article_set_aside": Dump("event_id, id, date_time, readers, reason, text_bytes", "reason, event_id"),
    "content_change": Dump("content_id, category_name, event_id", "content_id, category_name, event_id"),
    "entity_name": Dump("entity_id, name", "entity_id"),
    "fact_activity": Dump(
        "event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at",
        "verb, actor_id, event_id",
    ),
    "fact_readers": Dump(
        "event_id, id, saga_id, entity_id, entity_counter, readers, date_time, entities", "entity_id, event_id"
    ),
    "fact_reading": Dump(
        "event_id, user_id, content_id, read_percent, updated_at", "user_id, updated_at, content_id, event_id"
    ),
    "object_change": Dump(
        "object_type, object_id, event_id, verb, author_id, content, title, url, canonical_url, tags, mentions, "
        "target_type, target_id, space_id, changed_at",
        "object_type, object_id, event_id",
    ),
    "space_change": Dump("space_id, event_id, verb, actor_id, name, changed_at", "space_id, event_id"),
    "user_change": Dump(
        "user_id, event_id, verb, handle, uuid, name, college, changed_at",
        "user_id, event_id",
    ),
}
NOT_STATE_IN_CLICKHOUSE: Final = frozenset({"dim_date", "schema_migration", "sink_position"})
"""Views are left out too: they are functions of the tables."""

Digest = dict[str, str | dict[str, str]]
"""{"all": sha256, "postgres": {table: sha256}, "clickhouse": {table: sha256}}"""


def digest(postgres_dsn: str, clickhouse_url: str) -> Digest:
    """Of the state as it is now: exact when nothing is on its way."""
    postgres, clickhouse = of_postgres(postgres_dsn), of_clickhouse(clickhouse_url)
    lines = [f"postgres.{table} {sha}\n" for table, sha in sorted(postgres.items())]
    lines += [f"clickhouse.{table} {sha}\n" for table, sha in sorted(clickhouse.items())]
    return {
        "all": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "postgres": postgres,
        "clickhouse": clickhouse,
    }


class _Hash:
    """A file that only hashes what is written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def of_postgres(dsn: str) -> dict[str, str]:
    """Table -> sha256, all in one snapshot."""
    digests = {}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'")
        for table, dump in POSTGRES.items():
            hashed = _Hash()
            query = f"SELECT {dump.columns} FROM {table} ORDER BY {dump.order_by}"  # noqa: S608 (our own names)
            cursor.copy_expert(f"COPY ({query}) TO STDOUT", hashed)
            digests[table] = hashed.hexdigest()
    return digests


def of_clickhouse(url: str) -> dict[str, str]:
    """Table -> sha256, of the rows that merging would leave."""
    digests = {}
    with closing(clickhouse_client(url)) as client:
        for table, dump in CLICKHOUSE.items():
            hashed = _Hash()
            query = f"SELECT {dump.columns} FROM {table} FINAL ORDER BY {dump.order_by}"  # noqa: S608
            with closing(cast(BinaryIO, client.raw_stream(query, fmt="TSV"))) as stream:
                while chunk := stream.read(1 << 20):
                    hashed.write(chunk)
            digests[table] = hashed.hexdigest()
    return digests
