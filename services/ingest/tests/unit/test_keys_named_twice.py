"""No object of an event may name a key twice, wherever, and however the JSON around it is written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feedmill.contracts.errors import Code
from feedmill.ingest.body import Form, Refused, events_in
from feedmill.ingest.settings import LimitSettings

LIMITS = LimitSettings()
_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
TEXT = st.sampled_from(['"', 'a "b" \\ c', "x"]) | _WORDS
CONTENT = TEXT | st.recursive(
    TEXT | st.integers(-5, 5) | st.booleans() | st.floats(-1, 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NUMBER = st.integers(1, 9)
DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "post": st.fixed_dictionaries(
        {
            "actor_id": NUMBER,
            "object": st.fixed_dictionaries(
                {"type": st.just("link"), "content": CONTENT},
                optional={"url": st.sampled_from(["https://a.org", None]), "title": TEXT},
            ),
        },
        optional={"space_id": NUMBER | st.none()},
    ),
    "like": st.fixed_dictionaries(
        {"actor_id": NUMBER, "object": st.fixed_dictionaries({"type": st.just("post"), "id": NUMBER})}
    ),
    "follow": st.fixed_dictionaries(
        {"actor_id": NUMBER, "object": st.fixed_dictionaries({"type": st.just("user"), "id": st.integers(10, 20)})},
        optional={"backfill": st.sampled_from(["all", "none", 3])},
    ),
    "read": st.fixed_dictionaries(
        {"user_id": NUMBER | TEXT, "content_id": TEXT, "read_percent": NUMBER, "updated_at": st.just("2026-11-21")}
    ),
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    verb = draw(st.sampled_from(sorted(DATA)))
    envelope = st.fixed_dictionaries(
        {"id": TEXT, "source": TEXT},
        optional={
            "specversion": st.just("1.0"),
            "time": st.sampled_from(["2026-11-21T10:00:00Z", None]),
            "subject": TEXT,
            "datacontenttype": st.sampled_from(["application/json", None]),
        },
    )
    return {**draw(envelope), "type": f"feedmill.{verb}.v1", "data": draw(DATA[verb])}


class Writer:
    """JSON with one key named twice: the `twice`-th of all, counted from 0; the first time with another value."""

    def __init__(self, twice: int, first: object, *, ascii: bool) -> None:
        self.twice, self.first, self.ascii, self.keys = twice, first, ascii, 0

    def text(self, value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(member for key, inner in value.items() for member in self.members(key, inner)) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(self.text, value)) + "]"
        return self.string(value) if isinstance(value, str) else json.dumps(value)

    def string(self, text: str) -> str:
        """As short as can be, or with a quotation mark and more as numbers."""
        written = json.dumps(text, ensure_ascii=self.ascii)
        if not self.ascii or "\\" in text:
            return written
        return written.replace('\\"', "\\u0022").replace("x", "\\u0078")

    def members(self, key: str, value: object) -> list[str]:
        number, self.keys = self.keys, self.keys + 1
        name = self.string(key)
        first = [f"{name}:{json.dumps(self.first)}"] if number == self.twice else []
        return [*first, f"{name} : {self.text(value)}"]


FIRST: st.SearchStrategy[object] = st.sampled_from(["1.0", "x", 1, None, {}, {"a": "b"}, [], 0.5])


@settings(max_examples=300, deadline=None)
@given(st.lists(events(), min_size=1, max_size=3), st.data(), FIRST, st.booleans())
def test_a_key_named_twice_is_seen_wherever_it_stands(
    sent: list[dict[str, Any]], data: st.DataObject, first: object, ascii: bool
) -> None:
    plain = Writer(-1, None, ascii=ascii)
    text = plain.text(sent)
    items, _ = events_in(text.encode(), Form.JSON, LIMITS)
    assert not [item for item in items if isinstance(item, Refused)], text
    raw = Writer(data.draw(st.integers(0, plain.keys - 1)), first, ascii=ascii).text(sent).encode()
    for body, form in ((raw, Form.JSON), (raw[1:-1] if len(sent) == 1 else raw, Form.JSON)):
        found, _ = events_in(body, form, LIMITS)
        assert [item.rejected.reason for item in found if isinstance(item, Refused)] == [Code.DUPLICATE_KEY], raw


@settings(max_examples=200, deadline=None)
@given(st.lists(events(), min_size=1, max_size=3), st.booleans())
def test_one_by_one_they_are_what_they_are_together(sent: list[dict[str, Any]], ascii: bool) -> None:
    bodies = [json.dumps(one, ensure_ascii=ascii).encode() for one in sent]
    together, _ = events_in(b"[" + b",".join(bodies) + b"]", Form.JSON, LIMITS)
    lines, _ = events_in(b"\n".join(bodies), Form.LINES, LIMITS)
    assert together == lines
