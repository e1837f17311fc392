"""One table's rows as they are inserted, and the columns that every table has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feedmill.feed_writer.clickhouse import native

FIRST_WINS = 2**64 - 1
"""version = this minus the origin offset: ReplacingMergeTree keeps the highest, so the first copy in the log."""

MICROS, MILLIS = "DateTime64(6, 'UTC')", "DateTime64(3, 'UTC')"


@dataclass(frozen=True, slots=True)
class Block:
    table: str
    columns: tuple[str, ...]
    rows: int
    data: bytes


def block_of(table: str, rows: int, **columns: tuple[str, bytes]) -> Block:
    """Column name -> (type, encoded column)."""
    return Block(table, tuple(columns), rows, native.block(columns, rows))


def versions(origin_offsets: Sequence[int]) -> tuple[str, bytes]:
    return "UInt64", native.integers("Q", [FIRST_WINS - offset for offset in origin_offsets])
