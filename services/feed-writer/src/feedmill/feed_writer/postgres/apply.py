"""One call a batch: a function of this session that compares and moves the positions and runs the merges.

Postgres keeps the plans of a function's statements as long as the session lives. Sent as text, nine statements of a
small batch cost more to plan than to run; and rows that stand in arrays need no temporary table, whose emptying costs
every commit more than a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from feedmill.contracts.verbs import FEED_VERBS
from feedmill.feed_writer.decode import CHANGES_EDGE
from feedmill.feed_writer.postgres import arrays, erasures, merges, notices
from feedmill.feed_writer.row import Position, Row
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.position import CHANNEL, Positions

OVERTAKEN: Final = "FM001"
"""SQLSTATE where a position is not as expected."""
NAME: Final = "pg_temp.apply"

_TABLES: Final = {
    "incoming": (
        "a",
        "event_id uuid, verb text, actor_id bigint, object_type text, object_id bigint, target_type text, "
        "target_id bigint, occurred_at timestamptz, since timestamptz, source_partition int, source_offset bigint, "
        "enriched_offset bigint, accepted_ms bigint, enriched_ms bigint, origin_offset bigint",
    ),
    "incoming_object": (
        "o",
        "event_id uuid, type text, id bigint, author_id bigint, content jsonb, title text, url text, "
        "canonical_url text, tags text, mentions text, space_id bigint, created_at timestamptz, origin_offset bigint",
    ),
    "incoming_user": (
        "u",
        "event_id uuid, verb text, id bigint, handle text, uuid uuid, name text, email text, college text, "
        "changed_at timestamptz, enriched_offset bigint, origin_offset bigint",
    ),
    "incoming_read": ("r", "event_id uuid, reader_id bigint, feed text, through timestamptz, only_seen boolean"),
    "awaited": ("w", "type text, id bigint"),
}
"""Relation -> the prefix of its arrays' names, and its columns. Rows of an array are as long as others, so an array of
arrays comes as text."""
_AS_ARRAY: Final = frozenset({"tags", "mentions"})
_GIVEN: Final = ("incoming", "incoming_object", "incoming_user", "incoming_read")
_MOVES: Final = (
    "m_topic text[], m_partition int[], m_source_offset bigint[], m_next_offset bigint[], "
    "m_expected_source bigint[], m_expected_next bigint[]"
)

SESSION: Final = (
    "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; "
    "SET enable_mergejoin = off; SET standard_conforming_strings = on"
)
"""Plans that are kept must be right at every size, also for tables that were empty when they were made: whatever is
looked up is looked up by its index."""


_PUSHED: Final = "feedmill.pushed"
MOST_TOLD_BYTES: Final = 7_900
"""Of a notice, which Postgres ends at 8,000: positions that are longer are found by who looks for them."""


@dataclass(frozen=True, slots=True)
class Move:
    """A partition's position as it is expected in the store, and as it shall be."""

    expected: Position
    new: Position


def call(
    rows: Sequence[Row], moves: Mapping[TopicPartition, Move], *, compared: bool = True, trusting: bool = False
) -> str:
    """The statement that applies a batch; `told`, behind the commit, answers with the number of feed rows pushed.

    compared: refuse where a position is not as expected. trusting: take repeats for news (guards that are off).
    """
    arguments = [
        arrays.plain(steps_of(rows)),
        str(compared),
        str(trusting),
        *_moved(moves),
        *arrays.activities(rows),
        *arrays.objects(rows),
        *arrays.users(rows),
        *arrays.reads(rows),
    ]
    return f"SELECT {NAME}({','.join(arguments)})"


def told(moves: Mapping[TopicPartition, Move]) -> str:
    """The statement that says to all who listen what was committed, in a transaction of its own.

    Whoever tells holds a lock of the whole database until its commit: this one writes nothing, so it is short. Told or
    not, the positions stand in their table.
    """
    places = {(partition.topic, partition.partition): move.new.source_offset for partition, move in moves.items()}
    said = str(Positions(places))
    notice = said if len(said) <= MOST_TOLD_BYTES else ""
    return f"SELECT current_setting('{_PUSHED}')::bigint FROM pg_notify('{CHANNEL}', '{notice}')"  # noqa: S608


def steps_of(rows: Sequence[Row]) -> list[str]:
    """The names of the merges these rows need."""
    verbs = {row.verb for row in rows}
    steps = (
        ("objects", not verbs.isdisjoint(("post", "comment"))),
        ("words", any(row.object.tags or row.object.mentions for row in rows if row.object)),
        ("deletions", "delete" in verbs),
        ("follows", not verbs.isdisjoint(("follow", "unfollow"))),
        ("likes", not verbs.isdisjoint(("like", "unlike"))),
        ("edges", not verbs.isdisjoint(CHANGES_EDGE)),
        ("users", not verbs.isdisjoint(("user-created", "user-updated", "user-erased"))),
        ("blanks", not verbs.isdisjoint(("post", "comment", "user-erased"))),
        ("ends", "user-erased" in verbs),
        ("reads", any(row.read for row in rows)),
        ("notices", not verbs.isdisjoint(("like", "share", "comment", "follow"))),
        ("ask", "follow" in verbs),
        ("bound", len(rows) >= merges.BOUND_FROM_RECORDS),
        ("push_many" if len(rows) >= merges.BOUND_FROM_RECORDS else "push", not verbs.isdisjoint(FEED_VERBS)),
    )
    return [name for name, wanted in steps if wanted]


def function() -> str:
    """Makes it, for this session."""
    counted = "GET DIAGNOSTICS pushed = ROW_COUNT;"
    push = f"{_over(merges.PUSH)} {counted}"
    push_many = f"BEGIN {_over(merges.PUSH_MANY)} {counted} EXCEPTION WHEN unique_violation THEN {push} END;"
    merging = [
        _step("objects", merges.OBJECTS),
        f"IF w_id IS NOT NULL THEN {_over(notices.NOTICES_OF_AWAITED)} END IF;",
        _step("words", notices.TAGS, notices.MENTIONS),
        _step("deletions", merges.DELETIONS),
        _step("follows", merges.FOLLOWS),
        _step("likes", merges.LIKES),
        _step("edges", merges.USER_EDGES),
        _step("users", merges.USERS),
        _step("blanks", erasures.BLANK),
        _step("ends", erasures.REVOKE, erasures.FREE_EMAIL),
        _step("reads", notices.READS),
        _step("notices", notices.PLACES, notices.NOTICES),
        _step("ask", merges.ASK_TO_FILL),
        _step("bound", merges.BOUND),
        f"IF 'push' = ANY(steps) THEN {push} END IF;",
        f"IF 'push_many' = ANY(steps) THEN {push_many} END IF;",
    ]
    given = [f"{_TABLES[table][0]}_{name} {kind}[]" for table in _GIVEN for name, kind in _columns(table)]
    return f"""
CREATE OR REPLACE FUNCTION {NAME}(steps text[], compared boolean, trusting boolean, {_MOVES}, {", ".join(given)})
RETURNS void LANGUAGE plpgsql AS $apply$
#variable_conflict use_column
DECLARE
    as_expected bigint; fresh uuid[]; all_fresh boolean; w_type text[]; w_id bigint[]; pushed bigint := 0;
BEGIN
    as_expected := ({merges.COMPARE_POSITIONS});
    IF compared AND as_expected <> cardinality(m_topic) THEN
        RAISE EXCEPTION 'another writer moved these positions' USING ERRCODE = '{OVERTAKEN}';
    END IF;
    {merges.MOVE_POSITIONS};
    all_fresh := true;
    {_over(merges.ACTIVITIES)}
    all_fresh := trusting OR coalesce(cardinality(fresh), 0) = cardinality(a_event_id);
    {" ".join(merging)}
    PERFORM set_config('{_PUSHED}', pushed::text, false);
END
$apply$;
"""


def _step(name: str, *statements: str) -> str:
    return f"IF '{name}' = ANY(steps) THEN {' '.join(map(_over, statements))} END IF;"


def _over(statement: str) -> str:
    """The statement with the batch in front of it, under the names it uses."""
    body = statement.strip()
    used = [_relation(table) for table in _TABLES if f"{table} " in f"{body} ".replace("\n", " ").replace(")", " ")]
    if not used:
        return body
    first, _, rest = body.partition(" ")
    return f"WITH {', '.join(used)}{', ' + rest if first == 'WITH' else ' ' + body}"


def _relation(table: str) -> str:
    prefix, _ = _TABLES[table]
    columns = _columns(table)
    given = ", ".join(f"{prefix}_{name}" for name, _ in columns)
    shown = ", ".join(f"{name}::text[] AS {name}" if name in _AS_ARRAY else name for name, _ in columns)
    kept = "" if table == "awaited" else " WHERE all_fresh OR event_id IN (SELECT unnest(fresh))"
    names = ", ".join(name for name, _ in columns)
    return f"{table} AS (SELECT {shown} FROM unnest({given}) AS given ({names}){kept})"  # noqa: S608 (names of ours)


def _columns(table: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind in (column.strip().split(" ") for column in _TABLES[table][1].split(","))]


def _moved(moves: Mapping[TopicPartition, Move]) -> Iterable[str]:
    ordered = sorted(moves.items())
    yield arrays.plain(partition.topic for partition, _ in ordered)
    yield arrays.numbers(partition.partition for partition, _ in ordered)
    yield arrays.numbers(move.new.source_offset for _, move in ordered)
    yield arrays.numbers(move.new.next_offset for _, move in ordered)
    yield arrays.numbers(move.expected.source_offset for _, move in ordered)
    yield arrays.numbers(move.expected.next_offset for _, move in ordered)
