"""A cursor gives back the key it was made of, and nothing else is a cursor."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.api.cursor import BadCursor, Key, Positions, Walk, decode, encode

FIRST, LAST = (datetime.fromisoformat(day) for day in ("1970-01-01", "2099-12-31"))
WALKS = st.sampled_from(Walk)
KEYS = st.builds(
    Key,
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.uuids(),
)


@given(WALKS, KEYS)
def test_a_cursor_gives_back_its_key_to_the_microsecond(walk: Walk, key: Key) -> None:
    text = encode(walk, key)
    assert decode(walk, text) == (key, None)
    assert text.replace("-", "").replace("_", "").isalnum()


@given(WALKS, WALKS, KEYS, st.booleans())
def test_a_cursor_of_one_walk_is_none_of_another(one: Walk, other: Walk, key: Key, has_positions: bool) -> None:
    text = encode(one, key, (1, None) if has_positions else None)
    if one is not other:
        with pytest.raises(BadCursor):
            decode(other, text)


@given(WALKS, st.text(max_size=60))
def test_no_other_text_is_a_cursor(walk: Walk, text: str) -> None:
    with pytest.raises(BadCursor):
        decode(walk, text)


@given(KEYS, st.integers(0, 33), st.sampled_from("AZaz09-_=+/ é"))
def test_a_changed_cursor_is_refused_or_another_key(key: Key, place: int, letter: str) -> None:
    text = encode(Walk.HOME, key)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        other = decode(Walk.HOME, changed)
    except BadCursor:
        return
    assert encode(Walk.HOME, *other) == changed


@given(KEYS, st.lists(st.none() | st.integers(-1, 2**53), max_size=8).map(tuple))
def test_a_cursor_gives_back_the_positions_its_walk_began_at(key: Key, positions: Positions) -> None:
    text = encode(Walk.HOME, key, positions)
    assert decode(Walk.HOME, text) == (key, positions)
    assert len(text) <= 34 + 8 * 8 * 4 / 3 + 2


@given(st.binary(min_size=25, max_size=90))
def test_any_bytes_are_no_cursor_or_exactly_one(packed: bytes) -> None:
    text = base64.urlsafe_b64encode(b"\x02" + packed[1:]).rstrip(b"=").decode()
    try:
        cursor = decode(Walk.HOME, text)
    except BadCursor:
        return
    assert encode(Walk.HOME, *cursor) == text


def test_a_time_the_log_cannot_hold_is_refused() -> None:
    nobody = UUID(int=0)
    assert decode(Walk.TAG, encode(Walk.TAG, Key(datetime(2099, 12, 31, tzinfo=UTC), nobody)))
    with pytest.raises(BadCursor):
        decode(Walk.TAG, encode(Walk.TAG, Key(datetime(2100, 1, 1, tzinfo=UTC), nobody)))
