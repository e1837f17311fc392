"""Raw records through the pure part: enriched, dead letter, or passed over with a marker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import headers
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.ids import event_id_of_article, event_id_of_place
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, ARTICLE_PUBLISHED, USER_INTERACTION
from feedmill.enricher.decode import VALUE_MAX_BYTES, Event, decode
from feedmill.enricher.lane import Lane
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.pipeline import Pipeline
from feedmill.runtime.outcome import Record, TopicPartition

RAW = ACTIVITY_PUBLISHED.name
LIKE = {"actor_id": 1, "object": {"type": "photo", "id": 21}}


def _post_data(content: Any) -> dict[str, Any]:
    return {"actor_id": 1, "object": {"type": "post", "id": 5, "content": content}}


def _event_id(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012x}"


def _record(
    offset: int = 0,
    *,
    data: Any = None,
    value: bytes | None = b"",
    verb: str = "like",
    key: bytes | None = b"1",
    event: int | None = None,
    topic: str = RAW,
    more: dict[str, bytes | None] | None = None,
) -> Record:
    named: dict[str, bytes | None] = {
        headers.CE_ID: b"a1",
        headers.CE_SOURCE: b"test",
        headers.CE_TYPE: f"feedmill.{verb}.v1".encode(),
        headers.CE_TIME: b"2026-11-21T10:00:00Z",
        headers.EVENT_ID: _event_id(offset if event is None else event).encode(),
    }
    named.update(more or {})
    kept = [(name, text) for name, text in named.items() if text is not None]
    raw = json.dumps(LIKE if data is None else data).encode() if value == b"" else value
    return Record(topic, 0, offset, 1_700_000_000_000, key, raw, kept)


def _post(content: Any) -> Record:
    return _record(verb="post", data=_post_data(content))


def _lane(topic: str = RAW, memory: int = 100) -> dict[TopicPartition, Lane]:
    place = TopicPartition(topic, 0)
    return {place: Lane(place, SeenIds(memory))}


def _named(outgoing: tuple[Any, ...]) -> dict[str, bytes]:
    return dict(outgoing[3])


def test_a_like_is_enriched_on_its_partition_with_its_source_offset() -> None:
    lanes = _lane()
    outgoing, rejected = Pipeline()(lanes, [_record(7)])
    assert not rejected
    ((topic, key, value, _, partition),) = outgoing
    assert (topic, key, partition) == ("activity.enriched.v1", b"1", 0)
    assert json.loads(value or b"") == {
        "verb": "like",
        "actor_id": 1,
        "occurred_at": "2026-11-21T10:00:00.000000Z",
        "object": {"type": "photo", "id": 21},
    }
    named = _named(outgoing[0])
    assert named[headers.SOURCE_OFFSET] == b"7"
    assert named[headers.SOURCE_FROM] == b"-1"
    assert named[headers.ACCEPTED_AT] == b"1700000000000"
    assert named[headers.CE_ID] == b"a1"
    assert headers.ORIGIN_OFFSET not in named


def test_a_post_tells_its_tags_and_mentions() -> None:
    outgoing, _ = Pipeline()(_lane(), [_post("hi @nico #Rust")])
    thing = json.loads(outgoing[0][2] or b"")["object"]
    assert (thing["tags"], thing["mentions"]) == (["rust"], ["nico"])


def test_each_record_names_what_its_writer_wrote_before() -> None:
    outgoing, _ = Pipeline()(_lane(), [_record(i) for i in range(3)])
    assert [_named(o)[headers.SOURCE_FROM] for o in outgoing] == [b"-1", b"0", b"1"]


def test_a_repeat_at_the_end_leaves_a_marker() -> None:
    outgoing, rejected = Pipeline()(_lane(), [_record(0, event=9), _record(1, event=9)])
    assert not rejected
    topic, key, value, added, partition = outgoing[1]
    assert (topic, key, value, partition) == ("activity.enriched.v1", None, None, 0)
    assert dict(added) == {headers.MARKER: b"1", headers.SOURCE_OFFSET: b"1", headers.SOURCE_FROM: b"0"}


def test_a_repeat_in_the_middle_needs_no_marker() -> None:
    outgoing, _ = Pipeline()(_lane(), [_record(0, event=9), _record(1, event=9), _record(2)])
    assert [_named(o)[headers.SOURCE_OFFSET] for o in outgoing] == [b"0", b"2"]


def test_what_is_written_already_is_not_written_again() -> None:
    lanes = _lane()
    lanes[TopicPartition(RAW, 0)].written = 1
    outgoing, _ = Pipeline()(lanes, [_record(i) for i in range(3)])
    assert [_named(o)[headers.SOURCE_OFFSET] for o in outgoing] == [b"2"]


def test_a_dead_letter_is_followed_by_a_marker() -> None:
    outgoing, rejected = Pipeline()(_lane(), [_record(4, value=b"{")])
    assert [letter.origin for letter in rejected] == [(RAW, 0, 4)]
    assert _named(outgoing[0])[headers.MARKER] == b"1"


REPLAY = {headers.DLQ_TOPIC: RAW.encode(), headers.DLQ_PARTITION: b"0", headers.DLQ_OFFSET: b"3"}


def test_a_replayed_dead_letter_passes_the_memory_and_keeps_its_origin() -> None:
    outgoing, _ = Pipeline()(_lane(), [_record(0, event=9), _record(1, event=9, more={**REPLAY})])
    named = _named(outgoing[1])
    assert named[headers.ORIGIN_OFFSET] == b"3"
    assert headers.DLQ_TOPIC not in named


def test_a_dead_letter_that_dies_again_keeps_its_first_origin() -> None:
    _, rejected = Pipeline()(_lane(), [_record(9, value=b"{", more={**REPLAY})])
    assert rejected[0].origin == (RAW, 0, 3)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record(value=None), Code.NO_VALUE),
        (_record(value=b'{"actor_id": 1, "obj'), Code.NOT_JSON),
        (_record(value=b'{"actor_id": NaN}'), Code.NOT_JSON),
        (_record(value=b"\xff"), Code.NOT_UTF8),
        (_record(value=b'{"actor_id":1,"actor_id":2}'), Code.DUPLICATE_KEY),
        (_post("\0"), Code.NUL),
        (_post("\ud800"), Code.LONE_SURROGATE),
        (_post([2**60]), Code.NUMBER_OUT_OF_RANGE),
        (_record(data={"actor_id": "1", "object": LIKE["object"]}), Code.WRONG_TYPE),
        (_record(value=b" " * (VALUE_MAX_BYTES + 1)), Code.TOO_LARGE),
        (_record(verb="poke"), Code.UNKNOWN_TYPE),
        (_record(verb="read"), Code.UNKNOWN_TYPE),
        (_record(more={headers.CE_TYPE: b"feedmill.like.v99"}), Code.UNKNOWN_VERSION),
        (_record(more={headers.CE_TIME: b"2026-11-21T10:00:00"}), Code.BAD_ENVELOPE),
        (_record(more={headers.CE_TIME: None}), Code.BAD_ENVELOPE),
        (_record(more={headers.CE_TYPE: None}), Code.BAD_ENVELOPE),
        (_record(more={headers.EVENT_ID: None}), Code.BAD_ENVELOPE),
        (_record(more={headers.EVENT_ID: b"not-a-uuid"}), Code.BAD_ENVELOPE),
        (_record(more={headers.DLQ_TOPIC: b"elsewhere"}), Code.BAD_ENVELOPE),
        (_record(more={**REPLAY, headers.DLQ_PARTITION: b"5"}), Code.BAD_ENVELOPE),
        (_record(key=b"2"), Code.WRONG_KEY),
        (_record(key=None), Code.WRONG_KEY),
        (_record(verb="delete", key=b"author"), Code.WRONG_KEY),
    ],
)
def test_poison_is_a_value_with_its_reason(record: Record, reason: Code) -> None:
    rejected = decode(record)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


def test_a_bare_reading_is_named_by_its_place() -> None:
    reading = {"user_id": 7, "content_id": "c1", "read_percent": 95, "updated_at": "2026-11-21", "later": True}
    record = Record(USER_INTERACTION.name, 0, 3, 1, b"7", json.dumps(reading).encode(), [])
    outgoing, _ = Pipeline()(_lane(USER_INTERACTION.name), [record])
    assert json.loads(outgoing[0][2] or b"") == {
        "user_id": "7",
        "content_id": "c1",
        "read_percent": 95.0,
        "updated_at": "2026-11-21",
    }
    assert _named(outgoing[0])[headers.EVENT_ID] == str(event_id_of_place(USER_INTERACTION.name, 0, 3)).encode()


def test_a_bare_article_names_itself_so_that_a_redelivery_is_one() -> None:
    value = json.dumps({"id": "000001", "time": 1_600_000_000, "readers": 100, "text": "Sam"}).encode()
    records = [Record(ARTICLE_PUBLISHED.name, 0, i, 1, None, value, []) for i in range(2)]
    outgoing, _ = Pipeline()(_lane(ARTICLE_PUBLISHED.name), records)
    named = [_named(o) for o in outgoing]
    expected = event_id_of_article(ARTICLE_PUBLISHED.name, "000001", 1_600_000_000)
    assert named[0][headers.EVENT_ID] == str(expected).encode()
    assert named[1][headers.MARKER] == b"1"


@given(st.lists(st.integers(0, 5), max_size=30), st.data())
def test_however_records_are_cut_into_batches_the_output_is_the_same(events: list[int], data: st.DataObject) -> None:
    records = [_record(offset, event=event) for offset, event in enumerate(events)]
    whole, _ = Pipeline()(_lane(), records)
    cut = data.draw(st.integers(0, len(records)))
    lanes, pipeline = _lane(), Pipeline()
    parts = [*pipeline(lanes, records[:cut])[0], *pipeline(lanes, records[cut:])[0]]
    kept = [o[2] for o in whole if o[2] is not None]
    assert [o[2] for o in parts if o[2] is not None] == kept
    assert len(kept) == len(set(events))


def test_decoding_gives_the_event_with_its_headers() -> None:
    event = decode(_record(3))
    assert isinstance(event, Event)
    assert event.verb.name == "like"
    assert event.origin_offset is None


def test_a_record_of_somebody_else_in_our_own_output_stops_nothing() -> None:
    lane = Lane(TopicPartition(RAW, 0), SeenIds(10))
    lane.remember(Record("activity.enriched.v1", 0, 0, 0, b"1", b"{}", [(headers.EVENT_ID, b"none")]))
    assert (lane.written, len(lane.seen)) == (-1, 0)
    ours = [(headers.SOURCE_OFFSET, b"7"), (headers.EVENT_ID, _event_id(7).encode())]
    lane.remember(Record("activity.enriched.v1", 0, 1, 0, b"1", b"{}", ours))
    assert (lane.written, len(lane.seen)) == (7, 1)
