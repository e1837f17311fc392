"""A cursor gives back the key it was made of, and nothing else is a cursor."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.api.cursor import BadCursor, Key, Positions, decode, encode

FIRST, LAST = (datetime.fromisoformat(day) for day in ("1970-01-01", "2099-12-31"))
KEYS = st.builds(
    Key,
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.uuids(),
)


@given(KEYS)
def test_a_cursor_gives_back_its_key_to_the_microsecond(key: Key) -> None:
    text = encode(key)
    assert decode(text) == (key, None)
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(BadCursor):
        decode(text)


@given(KEYS, st.integers(0, 33), st.sampled_from("AZaz09-_=+/ é"))
def test_a_changed_cursor_is_refused_or_another_key(key: Key, place: int, letter: str) -> None:
    text = encode(key)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        other = decode(changed)
    except BadCursor:
        return
    assert encode(*other) == changed


@given(KEYS, st.lists(st.none() | st.integers(-1, 2**53), max_size=8).map(tuple))
def test_a_cursor_gives_back_the_positions_its_walk_began_at(key: Key, positions: Positions) -> None:
    text = encode(key, positions)
    assert decode(text) == (key, positions)
    assert len(text) <= 34 + 8 * 8 * 4 / 3 + 2


@given(st.binary(min_size=25, max_size=90))
def test_any_bytes_are_no_cursor_or_exactly_one(packed: bytes) -> None:
    text = base64.urlsafe_b64encode(b"\x02" + packed[1:]).rstrip(b"=").decode()
    try:
        cursor = decode(text)
    except BadCursor:
        return
    assert encode(*cursor) == text


def test_a_time_the_log_cannot_hold_is_refused() -> None:
    nobody = UUID(int=0)
    assert decode(encode(Key(datetime(2099, 12, 31, tzinfo=UTC), nobody)))
    with pytest.raises(BadCursor):
        decode(encode(Key(datetime(2100, 1, 1, tzinfo=UTC), nobody)))
