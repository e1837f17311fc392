"""Columns as ClickHouse's Native format has them. Pure; one function a type, each makes a whole column at once.

Written by hand for the few types we use: `clickhouse-connect`'s own serialisation of the same columns takes three
times as long (the README has the figures). ClickHouse turns a String column into LowCardinality itself.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def block(columns: Mapping[str, tuple[str, bytes]], rows: int) -> bytes:
    """One Native block of name -> (type, encoded column)."""
    parts = [varint(len(columns)), varint(rows)]
    for name, (kind, data) in columns.items():
        parts += (_string(name), _string(kind), data)
    return b"".join(parts)


def varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _string(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def integers(code: str, values: Iterable[int]) -> bytes:
    """`code` as in the array module: q Int64, Q UInt64, i Int32, I UInt32 and DateTime, H UInt16 and Date. Raises
    OverflowError."""
    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def floats(values: Iterable[float]) -> bytes:
    """Float64."""
    column = array("d", values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def micros(moments: Iterable[datetime]) -> bytes:
    """DateTime64(6, 'UTC')."""
    return integers("q", [(moment - EPOCH) // _MICROSECOND for moment in moments])


def uuids(values: Iterable[bytes]) -> bytes:
    """16 bytes each as in the text form; ClickHouse keeps two little-endian halves, the first one first."""
    column = array("Q", b"".join(values))
    column.byteswap()
    return column.tobytes()


def strings(values: Iterable[str]) -> bytes:
    return b"".join([_string(value) for value in values])


def words(values: Iterable[str]) -> bytes:
    """Strings of few different values: each is encoded once."""
    known = _Encoded()
    return b"".join([known[value] for value in values])


class _Encoded(dict[str, bytes]):
    def __missing__(self, text: str) -> bytes:
        encoded = self[text] = _string(text)
        return encoded


def nullable_strings(values: Sequence[str | None]) -> bytes:
    return _nulls(values) + strings(["" if value is None else value for value in values])


def nullable_uuids(values: Sequence[bytes | None]) -> bytes:
    return _nulls(values) + uuids([bytes(16) if value is None else value for value in values])


def _nulls(values: Iterable[object | None]) -> bytes:
    return bytes([value is None for value in values])


def arrays_of_strings(values: Sequence[Sequence[str]]) -> bytes:
    ends = integers("Q", accumulate(map(len, values)))
    return ends + strings([text for texts in values for text in texts])
