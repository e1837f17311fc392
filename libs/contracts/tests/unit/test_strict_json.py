"""What every store can keep, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.contracts import strict_json
from feedmill.contracts.strict_json import NotStrictJson

REFUSED = [
    (b"", "not_json"),
    (b"{", "not_json"),
    (b"[1] x", "not_json"),
    (b"NaN", "not_json"),
    (b"-Infinity", "not_json"),
    (b"{'a': 1}", "not_json"),
    (b"\xef\xbb\xbf{}", "not_json"),
    (b'"\x01"', "not_json"),
    (b'"\xff"', "not_utf8"),
    (b'"\xed\xa0\x80"', "not_utf8"),
    ('{"a": "é"}'.encode("latin-1"), "not_utf8"),
    ('{"a": 1}'.encode("utf-16"), "not_utf8"),
    (b'{"a": 1, "a": 1}', "duplicate_key"),
    (b'[{"a": {"b": 1, "\\u0062": 2}}]', "duplicate_key"),
    (b'"\\ud800"', "lone_surrogate"),
    (b'"\\ud800 and more"', "lone_surrogate"),
    (b'"\\udc00\\ud800"', "lone_surrogate"),
    (b'{"\\ud800": 1}', "lone_surrogate"),
    (b'"\\u0000"', "nul"),
    (b'{"a": [{"\\u0000": 1}]}', "nul"),
    (b"[1e400]", "number_out_of_range"),
    (b"-1e400", "number_out_of_range"),
    (b"9007199254740992", "number_out_of_range"),
    (b"-9007199254740992", "number_out_of_range"),
    (b"9" * 5_000, "number_out_of_range"),
    (b"[" * 33 + b"]" * 33, "too_deep"),
    (b"[" * 500 + b"]" * 500, "too_deep"),
    (b'{"a":' * 100_000, "too_deep"),
]


@pytest.mark.parametrize(("raw", "code"), REFUSED)
def test_what_readers_disagree_on_is_refused_by_a_stable_code(raw: bytes, code: str) -> None:
    rejected = strict_json.refusal(raw)
    assert rejected is not None
    assert rejected.reason == code
    with pytest.raises(NotStrictJson):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [b"null", b"[" * 32 + b"]" * 32, b"9007199254740991", b"1e308", b'"\\ud83d\\ude00"', b'"\\\\u0000"', b' {"a":1}\n'],
)
def test_the_edge_of_what_is_taken(raw: bytes) -> None:
    assert strict_json.loads(raw) == json.loads(raw)


def test_a_refusal_never_shows_a_value() -> None:
    for raw in (b'{"secret": "hunter2', b'{"a": "hunter2", "a": "hunter2"}', b'["hunter2", \xff]'):
        rejected = strict_json.refusal(raw)
        assert rejected is not None
        assert "hunter2" not in rejected.detail


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_whatever_json_can_say_within_the_limits_is_taken_as_it_is(value: object, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert strict_json.loads(raw) == json.loads(raw)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    strict_json.refusal(raw)
