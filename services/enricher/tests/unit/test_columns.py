"""What is judged by columns is what each record is judged to be by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import headers
from feedmill.contracts.errors import Rejected
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, USER_INTERACTION
from feedmill.contracts.verbs import VERBS
from feedmill.enricher.columns import usual
from feedmill.enricher.decode import VALUE_MAX_BYTES, decode
from feedmill.enricher.lane import Lane
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.pipeline import Pipeline
from feedmill.enricher.splice import spliced
from feedmill.runtime.outcome import Record, TopicPartition

_encode = msgspec.json.Encoder().encode
TIME = b"2026-11-21T10:00:00.123456Z"
LIKE = b'{"actor_id":1,"object":{"type":"photo","id":21}}'
ID = b"00000000-0000-5000-8000-000000000001"


def _mostly(usual_one: Any, *odd: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual_one] * 8 * len(odd) + list(odd))


ACTORS = st.integers(1, 3)
THING_IDS = _mostly(21, 0, 2**53 - 1, 2**53)
CONTENT = st.sampled_from(["", "hi", " #Rust @nico", '"},"target":{"', '"},"space_id":', "a\nb", "é", None]) | _mostly(
    "#a", "\0", ["#a"], {"a": {}}, 2**60
)


def _object(kind: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), "id": THING_IDS, **more})


def _data(thing: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"actor_id": ACTORS, "object": thing, **more})


POSTS = st.fixed_dictionaries(
    {"type": st.just("post"), "id": THING_IDS, "content": CONTENT},
    optional={"url": st.sampled_from(["http://A.b/?c=1#d", "no url"]), "title": st.just('},"space_id":')},
)
OF_VERBS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "like": _data(_object("photo")),
    "delete": _data(_object("photo")),
    "mute": _data(_object("user")),
    "connect": _data(_object("user")),
    "follow": _data(_object("user"), since=st.none() | st.just("2026-11-21T10:00:00Z")),
    "post": st.fixed_dictionaries({"actor_id": ACTORS, "object": POSTS}, optional={"space_id": ACTORS}),
    "comment": _data(_object("comment", content=CONTENT), target=_object("post")),
    "poke": _data(_object("user")),
    "user-updated": _data(_object("user", name=st.just("Nico"))),
}
VERB_NAMES = st.sampled_from([*["like", "post", "comment"] * 5, *OF_VERBS])
TIMES = _mostly(
    TIME,
    b"2026-11-21T10:00:00Z",
    b"2026-11-21T12:00:00.5+02:00",
    b"2026-02-30T10:00:00.123456Z",
    b"2026-11-21",
    b"2026-11-21T10:00:00.12345_Z",
    b"1969-12-31T23:59:59.999999Z",
    b"2026-11-21t10:00:00.123456z",
    b"\xff" * 27,
    b"",
)
IDS = _mostly(
    ID, ID.replace(b"-", b""), ID.replace(b"5", b"a").upper(), b"0" * 36, b"-" * 36, b"g" + ID[1:], ID[1:] + b"-", b""
)
MORE = _mostly([], [(headers.EVENT_ID, b"twice")], [("x", b"")], [(headers.DLQ_TOPIC, b"elsewhere")])


def _values(data: Any, verb: str) -> st.SearchStrategy[bytes | None]:
    """As the door writes it, as anybody else might, and cut short."""
    given = _encode(data)
    try:
        usual_one = _encode(msgspec.convert(data, VERBS[verb].struct))
    except (KeyError, ValueError):
        usual_one = given
    twice = usual_one + b"\n" + usual_one
    escaped = usual_one.replace(b"h", b"\\u0068")
    return _mostly(
        usual_one, given, msgspec.json.format(given), usual_one[:-1], usual_one + b" ", twice, escaped, b"", None
    )


@st.composite
def _records(draw: st.DrawFn) -> Record:
    verb = draw(VERB_NAMES)
    data = draw(OF_VERBS[verb])
    named = [
        (headers.CE_SPECVERSION, b"1.0"),
        (headers.CE_ID, b"a1"),
        (headers.CE_SOURCE, b"test"),
        (headers.CE_TYPE, f"feedmill.{verb}.v1".encode()),
        (headers.CE_TIME, draw(TIMES)),
        (headers.EVENT_ID, draw(IDS)),
        (headers.TRACEPARENT, b"00-1-1-01"),
    ]
    named = draw(_mostly(named, named[1:], named[::-1])) + draw(MORE)
    lowest = min(data["actor_id"], data["object"]["id"]) if verb == "connect" else data["actor_id"]
    key = draw(_mostly(str(lowest).encode(), b"1", b"01", b"1\n2", b"author", b"", None))
    topic = draw(_mostly(ACTIVITY_PUBLISHED.name, USER_INTERACTION.name))
    return Record(topic, 0, 0, 1, key, draw(_values(data, verb)), named)


@given(st.lists(_records(), max_size=12))
def test_in_company_a_record_is_what_it_is_alone(records: list[Record]) -> None:
    for record, done in zip(records, usual(records), strict=True):
        if done is not None:
            event = decode(record)
            assert not isinstance(event, Rejected), event
            assert done == (event.id, spliced(event))
            assert event.origin_offset is None
            assert len(event.headers) == len(record.headers)


def _record(
    value: bytes = LIKE, *, verb: str = "like", key: bytes = b"1", at: bytes = TIME, event_id: bytes = ID
) -> Record:
    named = [
        (headers.CE_SPECVERSION, b"1.0"),
        (headers.CE_ID, b"a1"),
        (headers.CE_SOURCE, b"test"),
        (headers.CE_TYPE, f"feedmill.{verb}.v1".encode()),
        (headers.CE_TIME, at),
        (headers.EVENT_ID, event_id),
        (headers.TRACEPARENT, b"00-1-1-01"),
    ]
    return Record(ACTIVITY_PUBLISHED.name, 0, 0, 1, key, value, named)


POST = b'{"actor_id":1,"object":{"type":"post","id":5,"content":"%b"}}'


@pytest.mark.parametrize(
    "record",
    [
        _record(),
        _record(verb="delete", key=b"7"),
        _record(b'{"actor_id":3,"object":{"type":"user","id":1}}', verb="connect"),
        _record(at=b"2026-11-21T12:00:00+02:00"),
        _record(POST % b"#a @b", verb="post"),
        _record(POST % b'says \\"hi\\"\\n', verb="post"),
        _record(POST[:-1] % b"#a" + b',"space_id":3}', verb="post"),
        _record(
            b'{"actor_id":1,"object":{"type":"comment","id":5,"content":"#a"},"target":{"type":"post","id":2}}',
            verb="comment",
        ),
    ],
)
def test_what_the_door_writes_is_usual(record: Record) -> None:
    assert usual([record, _record()]) != [None, None]
    assert None not in usual([record])


BROKEN = [
    [b'{"actor_id":1,"object":{"type":"photo","id":21}', b"}"],
    [LIKE + b"\n" + LIKE, b""],
    [LIKE + b"\n" + LIKE, b" ", LIKE],
    [LIKE[:-2], b"}}\n" + LIKE],
    [b'{"actor_id":1,"object":{"type":"photo"', b'"id":21}}'],
]


@pytest.mark.parametrize("values", BROKEN)
def test_values_that_make_sense_only_together_are_not_usual(values: list[bytes]) -> None:
    assert set(usual([_record(value) for value in values])) == {None}


@pytest.mark.parametrize(("verb", "key"), [("delete", b"7"), ("like", b"1\n1")])
def test_a_value_of_two_lines_is_not_usual(verb: str, key: bytes) -> None:
    two = _record(LIKE + b"\n" + LIKE, verb=verb, key=key)
    assert usual([two]) == [None]
    assert usual([two, _record(verb=verb)]) == [None, None]


@pytest.mark.parametrize(
    "keys", [[b"1\n1", b"1"], [b"2", b"1"], [b"01", b"1"], [b"1 ", b"1"], [b"1", b"1\n"], [b"\n1", b"1"]]
)
def test_keys_that_fit_only_together_are_not_usual(keys: list[bytes]) -> None:
    assert usual([_record(key=key) for key in keys]) == [None, None]


@pytest.mark.parametrize(
    "odd",
    [
        _record(event_id=ID[:-1] + b"-"),
        _record(event_id=b"-" + ID[:-1]),
        _record(at=b"2026-11-21T10:00:60.000000Z"),
        _record(at=b"2026-11-21T10:00:00.00000\xb2Z"),
        _record(POST % b"\\u0000", verb="post"),
        _record(POST % (b"a" * VALUE_MAX_BYTES), verb="post"),
    ],
)
def test_what_does_not_fit_is_left_to_be_looked_at_by_itself(odd: Record) -> None:
    assert usual([odd])[0] is None


def test_usual_records_and_others_make_one_chain() -> None:
    place = TopicPartition(ACTIVITY_PUBLISHED.name, 0)
    lane = Lane(place, SeenIds(100))
    ids = [ID[:-1] + digit for digit in (b"1", b"2", b"2", b"3", b"4", b"4")]
    records = [
        msgspec.structs.replace(
            _record(LIKE if number % 2 else LIKE.replace(b":", b": "), event_id=event_id),
            offset=number,
            timestamp_ms=1_000 + number // 2,
        )
        for number, event_id in enumerate(ids)
    ]
    outgoing, rejected = Pipeline()({place: lane}, records)
    assert not rejected
    named = [dict(sent) for _, _, _, sent, _ in outgoing]
    assert [one[headers.SOURCE_OFFSET] for one in named] == [b"0", b"1", b"3", b"4", b"5"]
    assert [one[headers.SOURCE_FROM] for one in named] == [b"-1", b"0", b"1", b"3", b"4"]
    assert [one.get(headers.ACCEPTED_AT) for one in named] == [b"1000", b"1000", b"1001", b"1002", None]
    assert headers.MARKER in named[-1], "the last one is a repeat"
    assert lane.written == 5
