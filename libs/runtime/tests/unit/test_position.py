"""Positions: parsing refuses what is not one, merging is by maximum."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.runtime.position import MAX_ENTRIES, BadPosition, Positions

POSITIONS = st.dictionaries(
    st.tuples(st.sampled_from(["activity.published.v1", "user-interaction", "x"]), st.integers(0, 99)),
    st.integers(0, 2**63 - 1),
    max_size=8,
).map(Positions)


@given(POSITIONS)
def test_what_is_written_reads_back(positions: Positions) -> None:
    assert Positions.parse([str(positions)]) == positions


@given(POSITIONS, POSITIONS, POSITIONS)
def test_merging_commutes_is_idempotent_and_associative(a: Positions, b: Positions, c: Positions) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(a) == a
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadPosition):
        assert Positions.parse([text]).merge(Positions()) == Positions.parse([text])


def test_a_repeated_header_merges_by_maximum() -> None:
    merged = Positions.parse(["t/0:5, t/1:2", "t/0:3,t/1:9"])
    assert str(merged) == "t/0:5,t/1:9"
    assert merged == Positions.of("t", 0, 5).merge(Positions.of("t", 1, 9))


@pytest.mark.parametrize(
    "text",
    ["t", "t/0", "t/0:", "t/-1:0", "t/0:-1", "t/0:1;t/1:2", "t /0:1", "t/0:1 x", "t/0:９", "/0:1", f"t/0:{2**63}"],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(BadPosition):
        Positions.parse([text])


def test_a_header_cannot_make_us_work_for_long() -> None:
    with pytest.raises(BadPosition, match="more than"):
        Positions.parse([",".join(f"t/{p}:0" for p in range(MAX_ENTRIES + 1))])


def test_missing_is_what_is_above_the_applied_offsets() -> None:
    asked = Positions.parse(["t/0:5,t/1:2,u/0:0"])
    assert asked.missing_from({("t", 0): 5, ("t", 1): 1}) == Positions.parse(["t/1:2,u/0:0"])
    assert not asked.missing_from({("t", 0): 6, ("t", 1): 2, ("u", 0): 0})
    assert asked.only(["u"]) == Positions.of("u", 0, 0)
    assert not Positions.parse(["", " , "])
