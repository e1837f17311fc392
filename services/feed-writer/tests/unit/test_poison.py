"""Finding the one bad record by asking about halves."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from feedmill.feed_writer.poison import find_poison


@given(st.lists(st.booleans(), max_size=64))
def test_exactly_the_bad_ones_are_found_in_order(bad: list[bool]) -> None:
    asked = 0

    def refusal(rows: Sequence[tuple[int, bool]]) -> str | None:
        nonlocal asked
        asked += 1
        return "bad" if any(is_bad for _, is_bad in rows) else None

    found = find_poison(list(enumerate(bad)), refusal)
    assert [number for (number, _), _ in found] == [number for number, is_bad in enumerate(bad) if is_bad]
    assert asked <= 1 + 2 * max(1, sum(bad)) * 7


def test_rows_that_are_refused_only_together_have_no_culprit() -> None:
    assert find_poison([1, 2], lambda rows: "both" if len(rows) == 2 else None) == []
