"""What is copied is what would have been built."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import headers
from feedmill.contracts.enriched import EnrichedActivity
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS
from feedmill.enricher.decode import Event, decode
from feedmill.enricher.enrich import enrich
from feedmill.enricher.splice import spliced
from feedmill.runtime.outcome import Record

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(EnrichedActivity).decode

IDS = st.integers(1, 2**53 - 1)
SIGNED = st.sampled_from(["", " #Rust", " @nico", " #a #b and @c.d", " é", '"', "\\"])
TEXTS = st.builds(
    lambda text, sign: text + sign, st.text(st.characters(codec="utf-8", exclude_characters="\0")), SIGNED
)
URLS = st.none() | st.sampled_from(["https://Example.org:443/p?utm_source=a&b=2", "https://[broken", "no url"])
REFERENCES = st.fixed_dictionaries({"type": st.sampled_from(["post", "photo"]), "id": IDS})
PEOPLE = st.fixed_dictionaries({"type": st.just("user"), "id": IDS})


def _posts() -> st.SearchStrategy[dict[str, Any]]:
    content = TEXTS | st.none() | st.lists(TEXTS, max_size=2)
    thing = st.fixed_dictionaries(
        {"type": st.sampled_from(["post", "link"]), "id": IDS, "content": content},
        optional={"url": URLS, "title": TEXTS},
    )
    return st.fixed_dictionaries({"actor_id": IDS, "object": thing}, optional={"space_id": IDS})


EVENTS = st.one_of(
    st.tuples(st.sampled_from(["like", "share"]), st.fixed_dictionaries({"actor_id": IDS, "object": REFERENCES})),
    st.tuples(st.sampled_from(["unfollow", "mute"]), st.fixed_dictionaries({"actor_id": IDS, "object": PEOPLE})),
    st.tuples(
        st.just("follow"),
        st.fixed_dictionaries(
            {"actor_id": IDS, "object": PEOPLE, "since": st.sampled_from([None, "2026-11-21T10:00:00.000000Z"])}
        ),
    ),
    st.tuples(st.just("post"), _posts()),
    st.tuples(
        st.just("comment"),
        st.fixed_dictionaries(
            {
                "actor_id": IDS,
                "object": st.fixed_dictionaries({"type": st.just("comment"), "id": IDS, "content": TEXTS}),
                "target": REFERENCES,
            }
        ),
    ),
)


def _event(verb: str, value: bytes, actor: int) -> Event:
    named = [
        (headers.CE_TYPE, f"feedmill.{verb}.v1".encode()),
        (headers.CE_TIME, b"2026-11-21T10:00:00.123456Z"),
        (headers.EVENT_ID, b"00000000-0000-5000-8000-000000000001"),
    ]
    event = decode(Record(ACTIVITY_PUBLISHED.name, 0, 1, 1, str(actor).encode(), value, named))
    assert isinstance(event, Event), event
    return event


@given(EVENTS)
def test_what_is_copied_is_what_would_be_built(said: tuple[str, dict[str, Any]]) -> None:
    verb, data = said
    # as the door writes it, and as anybody else might
    for value in (_encode(msgspec.convert(data, VERBS[verb].struct)), msgspec.json.format(_encode(data), indent=1)):
        event = _event(verb, value, data["actor_id"])
        copied = spliced(event)
        if copied is not None:
            assert _decode(copied) == enrich(event)


@pytest.mark.parametrize(
    ("verb", "value"),
    [
        ("like", b'{"actor_id":1,"object":{"type":"photo","id":21}}'),
        ("post", b'{"actor_id":1,"object":{"type":"post","id":5,"content":"#a @b"}}'),
    ],
)
def test_what_the_door_writes_is_copied(verb: str, value: bytes) -> None:
    assert spliced(_event(verb, value, 1)) is not None


@pytest.mark.parametrize(
    "value",
    [
        b'{"actor_id": 1,"object":{"type":"photo","id":21}}',
        b'{"actor_id":1,"object":{"type":"photo","id":21},"more":1}',
        b'{"object":{"type":"photo","id":21},"actor_id":1}',
    ],
)
def test_what_is_not_canonical_is_built(value: bytes) -> None:
    assert spliced(_event("like", value, 1)) is None
