"""What the records of one enriched topic are to this sink. A new topic: a module with a `Kind`, a line in `kinds`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from feedmill.feed_writer.clickhouse.block import Block
from feedmill.feed_writer.take_apart import Judge


class Accepted(Protocol):
    """The least that a row of any kind says."""

    @property
    def accepted_ms(self) -> int: ...


RowT = TypeVar("RowT", bound=Accepted)


@dataclass(frozen=True, slots=True)
class People:
    """Of a range: who is erased by it, and of whom it holds texts."""

    erased: frozenset[int] = frozenset()
    said_something: frozenset[int] = frozenset()


NOBODY = People()


@dataclass(frozen=True, slots=True)
class Kind(Generic[RowT]):
    """All pure: the same records make the same rows, the same rows the same blocks, or a token would lose some."""

    judge: Judge[RowT]
    blocks_of: Callable[[Sequence[RowT]], list[Block]]
    """A block for every table that gets rows; the facts' first."""
    storage_of: Callable[[RowT], Hashable] | None = None
    """The ClickHouse partition a row goes to, where the facts are partitioned: an insert is bounded in them."""
    people_of: Callable[[Sequence[RowT]], People] = lambda _: NOBODY
    """Whose texts must be looked after once the rows are in."""
