"""A page is full as long as there is enough to see, however much of it is hidden."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.api.cursor import NEWEST, Key, Positions
from feedmill.api.queries.activities import MAX_ROUNDS, Page, page_of
from feedmill.api.queries.rendered import page_of as written_page_of
from feedmill.testkit.state import BEGIN

Row = dict[str, Any]


def rows_of(seen: Sequence[bool]) -> list[Row]:
    """Newest first; a row is its number."""
    return [
        {"n": n, "seen": each, "occurred_at": BEGIN - timedelta(seconds=n), "event_id": UUID(int=n)}
        for n, each in enumerate(seen)
    ]


def page(rows: list[Row], before: Key, limit: int) -> tuple[Page[int], int]:
    asked = 0

    async def candidates(before: Key, most: int) -> list[Any]:
        nonlocal asked
        asked += 1
        return [row for row in rows if Key(row["occurred_at"], row["event_id"]) < before][:most]

    async def read() -> Page[int]:
        return await page_of(candidates, before=before, limit=limit, item=lambda row: int(row["n"]))

    return asyncio.run(read()), asked


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 12))
def test_walking_the_pages_shows_each_seen_item_once_in_full_pages(seen: list[bool], limit: int) -> None:
    rows = rows_of(seen)
    walked: list[int] = []
    before: Key | None = NEWEST
    while before is not None:
        found, _ = page(rows, before, limit)
        walked += found.items
        if found.next is not None:
            assert len(found.items) == limit
        before = found.next
    assert walked == [n for n, each in enumerate(seen) if each]


@given(st.integers(0, 30), st.integers(1, 30))
def test_with_nothing_hidden_one_question_is_enough(there: int, limit: int) -> None:
    found, asked = page(rows_of([True] * there), NEWEST, limit)
    assert asked == 1
    assert len(found.items) == min(there, limit)
    assert (found.next is None) == (there <= limit)


@pytest.mark.parametrize("hidden", [50_000])
def test_a_wall_of_hidden_ones_ends_in_a_cursor_behind_what_was_looked_at(hidden: int) -> None:
    rows = rows_of([*[False] * hidden, True])
    found, asked = page(rows, NEWEST, 20)
    assert asked == MAX_ROUNDS
    assert found.items == []
    assert found.next is not None
    while not found.items:
        assert found.next is not None
        found, _ = page(rows, found.next, 20)
    assert found.items == [hidden]
    assert found.next is None


def test_a_first_page_that_takes_several_questions_stays_at_the_positions_of_the_first() -> None:
    """What is applied between two of them is of the next walk: the stream from here on tells it."""
    asked_at: list[Positions | None] = []

    async def ask(before: Key, most: int, limit: int, positions: Positions | None) -> Any:
        asked_at.append(positions)
        now = None if positions is not None else [[0, 10 + len(asked_at)]]
        done = len(asked_at) == 3
        return (None, 0 if done else most, 0, None, None, BEGIN, UUID(int=len(asked_at)), now)

    page = asyncio.run(written_page_of(ask, before=NEWEST, limit=5, positions=None))
    assert asked_at == [None, (11,), (11,)]
    assert page.positions == (11,)
