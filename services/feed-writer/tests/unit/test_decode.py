"""Enriched records -> rows: the filter, the poison, and that nothing else decides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import headers
from feedmill.contracts.enriched import EnrichedActivity, EnrichedObject, EnrichedTarget, EnrichedUser
from feedmill.contracts.errors import Code
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.row import START, Decoded, Position, Row
from feedmill.runtime.outcome import Fatal, Record, TopicPartition
from feedmill.testkit.enriched import a_marker, a_record, an_activity

P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)


def decoded(*records: Record, at: Position = START, find_holes: bool = True) -> Decoded[Row]:
    return decode(records, {P0: at}, find_holes=find_holes)


def test_rows_come_in_the_order_of_the_log_and_the_position_moves_with_them() -> None:
    result = decoded(a_record(offset=0), a_record(offset=1), a_record(offset=2))
    assert [row.source_offset for row in result.rows] == [0, 1, 2]
    assert result.moved == {P0: Position(2, 3)}


def test_what_is_at_or_below_the_position_is_a_repeat_whoever_writes_it_again() -> None:
    """Two enrichers that interleave: the second copies of 4 and 5 lie behind the first ones."""
    zombie = [a_record(offset=o, source_offset=s, source_from=3) for o, s in ((7, 4), (8, 5))]
    result = decoded(
        a_record(offset=5, source_offset=4), a_record(offset=6, source_offset=5), *zombie, at=Position(3, 5)
    )
    assert [row.source_offset for row in result.rows] == [4, 5]
    assert (result.repeats, result.moved) == (2, {P0: Position(5, 9)})


def test_a_position_below_what_the_writer_had_written_stops_loudly() -> None:
    with pytest.raises(Fatal, match="records are missing"):
        decoded(a_record(offset=9, source_offset=9, source_from=7), at=Position(5, 9))


def test_without_the_guard_a_hole_passes_unseen() -> None:
    result = decoded(a_record(offset=9, source_offset=9, source_from=7), at=Position(5, 9), find_holes=False)
    assert result.moved == {P0: Position(9, 10)}


def test_source_offsets_may_jump_over_what_the_enricher_dropped() -> None:
    result = decoded(a_record(offset=5, source_offset=40, source_from=3), at=Position(3, 5))
    assert result.moved == {P0: Position(40, 6)}


def test_markers_move_the_position_and_write_nothing() -> None:
    result = decoded(a_marker(offset=3, source_offset=12, source_from=2), at=Position(2, 3))
    assert (result.rows, result.rejected, result.moved) == ([], [], {P0: Position(12, 4)})


def test_partitions_do_not_touch_each_other() -> None:
    p1 = TopicPartition(P0.topic, 1)
    records = [a_record(offset=5, partition=0), a_record(offset=2, partition=1), a_record(offset=6, partition=0)]
    result = decode(records, {P0: Position(4, 5), p1: Position(1, 2)}, find_holes=True)
    assert result.moved == {P0: Position(6, 7), p1: Position(2, 3)}


def test_a_replayed_dead_letter_keeps_the_origin_that_decides_who_was_last() -> None:
    [row] = decoded(a_record(offset=90, more={headers.ORIGIN_OFFSET: b"17"}), at=Position(89, 90)).rows
    assert (row.source_offset, row.origin_offset) == (90, 17)


POISON: list[tuple[str, bytes | None, dict[str, bytes], Code]] = [
    ("cut off", b'{"verb": "like", "act', {}, Code.NOT_JSON),
    ("not an object", b"[1]", {}, Code.WRONG_TYPE),
    ("null value", None, {}, Code.NO_VALUE),
    ("not UTF-8", b'{"verb":"post","actor_id":1,"occurred_at":"2026-11-21T10:00:00Z","object":'
     b'{"type":"post","id":1,"content":"\xff"}}', {}, Code.NOT_UTF8),
    ("id as text", msgspec.json.encode(an_activity(actor_id="1")), {}, Code.WRONG_TYPE),  # type: ignore[arg-type]
    ("id beyond 53 bits", msgspec.json.encode(an_activity(actor_id=2**53)), {}, Code.WRONG_TYPE),
    ("naive time", msgspec.json.encode(an_activity(occurred_at="2026-11-21T10:00:00")), {}, Code.WRONG_TYPE),
    ("year 2100", msgspec.json.encode(an_activity(occurred_at="2100-01-01T00:00:00Z")), {}, Code.BAD_TIME),
    ("since year 1900", msgspec.json.encode(an_activity("follow", since="1900-01-01T00:00:00Z")), {}, Code.BAD_TIME),
    ("unknown verb", msgspec.json.encode(an_activity("dance")), {headers.CE_TYPE: b"feedmill.like.v1"},
     Code.UNKNOWN_TYPE),
    ("a version of the future", None, {headers.CE_TYPE: b"feedmill.like.v99"}, Code.UNKNOWN_VERSION),
    ("a type of another world", None, {headers.CE_TYPE: b"com.example.like"}, Code.UNKNOWN_VERSION),
    ("a post of nothing", msgspec.json.encode(an_activity("post", object=None)), {}, Code.MISSING),
    ("a sign-up of nobody", msgspec.json.encode(an_activity("user-created")), {}, Code.MISSING),
    ("a user without a real uuid", msgspec.json.encode(an_activity("user-created", user={"id": 1, "uuid": "x"})), {},
     Code.WRONG_TYPE),
    ("NUL", b'{"verb":"post","actor_id":1,"occurred_at":"2026-11-21T10:00:00Z","object":'
     b'{"type":"post","id":1,"content":"a\\u0000"}}', {}, Code.NUL),
    ("lone surrogate", b'{"verb":"post","actor_id":1,"occurred_at":"2026-11-21T10:00:00Z","object":'
     b'{"type":"post","id":1,"content":{"a":"\\ud800"}}}', {}, Code.LONE_SURROGATE),
    ("no event id", None, {headers.EVENT_ID: b""}, Code.BAD_ENVELOPE),
    ("an event id that is none", None, {headers.EVENT_ID: b"g" * 36}, Code.BAD_ENVELOPE),
    ("no accepted-at", None, {headers.ACCEPTED_AT: b"soon"}, Code.BAD_ENVELOPE),
    ("an origin that is no number", None, {headers.ORIGIN_OFFSET: b"-7"}, Code.BAD_ENVELOPE),
    ("no source offset", None, {headers.SOURCE_OFFSET: b"1e3"}, Code.BAD_ENVELOPE),
]  # fmt: skip


@pytest.mark.parametrize(("value", "more", "code"), [p[1:] for p in POISON], ids=[p[0] for p in POISON])
def test_poison_is_a_value_with_a_reason_and_its_neighbours_pass(
    value: bytes | None, more: dict[str, bytes], code: Code
) -> None:
    poison = a_record(value, offset=1, more=more)
    if code is Code.NO_VALUE:
        poison = Record(P0.topic, 0, 1, 0, b"1", None, poison.headers)
    result = decoded(a_record(offset=0), poison, a_record(offset=2, source_from=0))
    assert [row.source_offset for row in result.rows] == [0, 2]
    [letter] = result.rejected
    assert letter.rejected.reason == code
    assert letter.record is poison
    assert result.moved == {P0: Position(2, 3)}


def test_a_dead_letter_names_its_place_in_the_raw_topic() -> None:
    [letter] = decoded(a_record(b"[", offset=3, source_offset=40, source_from=-1)).rejected
    assert letter.origin == (ACTIVITY_PUBLISHED.name, 0, 40)


def test_a_record_that_does_not_say_where_it_was_names_its_own_place() -> None:
    [letter] = decoded(a_record(offset=3, more={headers.SOURCE_OFFSET: b""})).rejected
    assert letter.origin == (ACTIVITY_ENRICHED.name, 0, 3)


def test_deep_content_is_rejected_not_a_crash() -> None:
    deep = b'{"verb":"post","actor_id":1,"occurred_at":"2026-11-21T10:00:00Z","object":{"type":"post","id":1,"content":'
    [letter] = decoded(a_record(deep + b"[" * 100_000 + b"]" * 100_000 + b"}}")).rejected
    assert letter.rejected.reason == Code.TOO_DEEP


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"user-created", "user-updated"}))
def test_every_verb_has_a_row(verb: str) -> None:
    [row] = decoded(a_record(an_activity(verb, object={"type": "user", "id": 2}))).rows
    assert (row.verb, row.actor_id) == (verb, 1)


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
ids = st.integers(1, 2**53 - 1)
maybe = st.none() | texts
contents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
times = st.datetimes().map(lambda t: t.replace(year=1970 + t.year % 130, day=min(t.day, 28)).isoformat() + "Z")
activities = st.builds(
    EnrichedActivity,
    verb=st.sampled_from(sorted(VERBS)),
    actor_id=ids,
    occurred_at=times,
    object=st.builds(
        EnrichedObject, type=st.sampled_from(["post", "photo"]), id=ids, content=contents, title=maybe, url=maybe,
        canonical_url=maybe, tags=st.lists(texts, max_size=3), mentions=st.lists(texts, max_size=3),
    ),
    target=st.none() | st.builds(EnrichedTarget, type=st.just("post"), id=ids),
    since=st.none() | times,
    space_id=st.none() | ids,
    user=st.builds(
        EnrichedUser, id=ids, handle=maybe, uuid=st.uuids().map(str), name=maybe, email=maybe, college=maybe
    ),
)  # fmt: skip


@given(activities)
def test_a_row_holds_what_the_contract_says_and_the_same_record_makes_the_same_row(activity: EnrichedActivity) -> None:
    record = a_record(msgspec.json.encode(activity), more={headers.CE_TYPE: b"feedmill.like.v1"})
    [row] = decoded(record).rows
    assert decoded(record).rows == [row]
    thing, user = row.object, row.user
    assert activity.object is not None
    assert thing is not None
    assert msgspec.json.decode(thing.content) == activity.object.content
    for name in ("type", "id", "title", "url", "canonical_url", "tags", "mentions"):
        assert getattr(thing, name) == getattr(activity.object, name)
    assert (row.verb, row.actor_id, row.space_id) == (activity.verb, activity.actor_id, activity.space_id)
    assert (row.target is None) == (activity.target is None)
    assert user is not None
    assert activity.user is not None
    for name in ("id", "handle", "name", "email", "college"):
        assert getattr(user, name) == getattr(activity.user, name)
