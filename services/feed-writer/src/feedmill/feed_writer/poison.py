"""Which records of a batch the store can never keep. Pure but for the question it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

RowT = TypeVar("RowT")


def find_poison(rows: Sequence[RowT], refusal: Callable[[Sequence[RowT]], str | None]) -> list[tuple[RowT, str]]:
    """Every row that is refused by itself, with the reason, in order: halves are asked, so k bad ones of n cost about
    k·log2(n) questions. Empty where the rows are refused only together: then no single record is at fault."""
    reason = refusal(rows)
    if reason is None:
        return []
    if len(rows) == 1:
        return [(rows[0], reason)]
    half = len(rows) // 2
    return find_poison(rows[:half], refusal) + find_poison(rows[half:], refusal)
