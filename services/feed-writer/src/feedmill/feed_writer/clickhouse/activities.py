"""activity.enriched.v1: rows -> Native blocks of the tables they go to. Pure: a range's rows always make the same
blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import MICROS, MILLIS, Block, block_of, versions
from feedmill.feed_writer.clickhouse.kind import Kind, People
from feedmill.feed_writer.decode import CHANGES_USER, CREATES_OBJECT, row_of
from feedmill.feed_writer.row import Row, Thing

CHANGES_SPACE: Final = frozenset({"space-created", "space-updated", "space-deleted"})


def blocks_of(rows: Sequence[Row]) -> list[Block]:
    """A block for every table that gets rows."""
    users = [row for row in rows if row.verb in CHANGES_USER or row.verb == "user-erased"]
    objects = [row for row in rows if row.verb in CREATES_OBJECT or row.verb == "delete"]
    spaces = [row for row in rows if row.verb in CHANGES_SPACE and row.object is not None]
    made = ((_facts, rows), (_user_changes, users), (_object_changes, objects), (_space_changes, spaces))
    return [make(of) for make, of in made if of]


def _facts(rows: Sequence[Row]) -> Block:
    things, targets = [row.object for row in rows], [row.target for row in rows]
    return block_of(
        "fact_activity",
        len(rows),
        event_id=("UUID", native.uuids([row.event_id for row in rows])),
        verb=("String", native.words([row.verb for row in rows])),
        actor_id=("Int64", native.integers("q", [row.actor_id for row in rows])),
        object_type=("String", native.words(["" if thing is None else thing.type for thing in things])),
        object_id=("Int64", native.integers("q", [0 if thing is None else thing.id for thing in things])),
        target_type=("String", native.words(["" if target is None else target.type for target in targets])),
        target_id=("Int64", native.integers("q", [0 if target is None else target.id for target in targets])),
        occurred_at=(MICROS, native.micros([row.occurred_at for row in rows])),
        accepted_at=(MILLIS, native.integers("q", [row.accepted_ms for row in rows])),
        source_partition=("Int32", native.integers("i", [row.partition for row in rows])),
        source_offset=("Int64", native.integers("q", [row.source_offset for row in rows])),
        version=versions([row.origin_offset for row in rows]),
    )


def _user_changes(rows: Sequence[Row]) -> Block:
    users = [row.user for row in rows]
    ids = [
        user.id if (user := row.user) is not None else thing.id if (thing := row.object) is not None else 0
        for row in rows
    ]
    uuids = [None if user is None or user.uuid is None else bytes.fromhex(user.uuid) for user in users]
    return block_of(
        "user_change",
        len(rows),
        user_id=("Int64", native.integers("q", ids)),
        event_id=("UUID", native.uuids([row.event_id for row in rows])),
        verb=("String", native.words([row.verb for row in rows])),
        handle=("Nullable(String)", native.nullable_strings([user.handle if user else None for user in users])),
        uuid=("Nullable(UUID)", native.nullable_uuids(uuids)),
        name=("Nullable(String)", native.nullable_strings([user.name if user else None for user in users])),
        college=("Nullable(String)", native.nullable_strings([user.college if user else None for user in users])),
        changed_at=(MICROS, native.micros([row.occurred_at for row in rows])),
        origin_offset=("Int64", native.integers("q", [row.origin_offset for row in rows])),
        version=versions([row.origin_offset for row in rows]),
    )


def _space_changes(rows: Sequence[Row]) -> Block:
    things = [thing for row in rows if (thing := row.object) is not None]
    return block_of(
        "space_change",
        len(rows),
        space_id=("Int64", native.integers("q", [thing.id for thing in things])),
        event_id=("UUID", native.uuids([row.event_id for row in rows])),
        verb=("String", native.words([row.verb for row in rows])),
        actor_id=("Int64", native.integers("q", [row.actor_id for row in rows])),
        name=("Nullable(String)", native.nullable_strings([thing.title for thing in things])),
        changed_at=(MICROS, native.micros([row.occurred_at for row in rows])),
        origin_offset=("Int64", native.integers("q", [row.origin_offset for row in rows])),
        version=versions([row.origin_offset for row in rows]),
    )


def _object_changes(rows: Sequence[Row]) -> Block:
    things = [_created(row) for row in rows]
    return block_of(
        "object_change",
        len(rows),
        object_type=("String", native.words([thing.type for thing in things])),
        object_id=("Int64", native.integers("q", [thing.id for thing in things])),
        event_id=("UUID", native.uuids([row.event_id for row in rows])),
        verb=("String", native.words([row.verb for row in rows])),
        author_id=("Int64", native.integers("q", [0 if row.verb == "delete" else row.actor_id for row in rows])),
        content=("String", native.strings([thing.content for thing in things])),
        title=("String", native.strings([thing.title or "" for thing in things])),
        url=("String", native.strings([thing.url or "" for thing in things])),
        canonical_url=("String", native.strings([thing.canonical_url or "" for thing in things])),
        tags=("Array(String)", native.arrays_of_strings([thing.tags for thing in things])),
        mentions=("Array(String)", native.arrays_of_strings([thing.mentions for thing in things])),
        target_type=("String", native.words([row.target.type if row.target else "" for row in rows])),
        target_id=("Int64", native.integers("q", [row.target.id if row.target else 0 for row in rows])),
        space_id=("Int64", native.integers("q", [row.space_id or 0 for row in rows])),
        changed_at=(MICROS, native.micros([row.occurred_at for row in rows])),
        origin_offset=("Int64", native.integers("q", [row.origin_offset for row in rows])),
        version=versions([row.origin_offset for row in rows]),
    )


def _created(row: Row) -> Thing:
    thing = row.object
    assert thing is not None  # decode lets none of these verbs pass without an object
    if row.verb != "delete":
        return thing
    return Thing(thing.type, thing.id, "", None, None, None, [], [])


def people_of(rows: Sequence[Row]) -> People:
    erased = frozenset(thing.id for row in rows if row.verb == "user-erased" and (thing := row.object) is not None)
    authors = {row.actor_id for row in rows if row.verb in CREATES_OBJECT}
    return People(erased, frozenset(authors | {user.id for row in rows if (user := row.user) is not None}))


ACTIVITIES = Kind(row_of, blocks_of, people_of=people_of)
