"""Keyset cursors: where a page ended, in a form that says nothing and cannot be made up by accident."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

_FORM: Final = struct.Struct(">Bq16s")  # walk and version, microseconds since 1970, event_id
_PLAIN, _WITH_POSITIONS = 1, 2
_VERSIONS: Final = 4
_MOST_CHARS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MIN_US: Final = 0
_MAX_US: Final = 4_102_444_800_000_000  # 2100-01-01: the log holds nothing later
_MAX_OFFSET: Final = 2**62


class Walk(IntEnum):
    """What is walked through; a cursor of one walk leads nowhere in another."""

    HOME = 0
    RANKED = 1
    AGGREGATED = 2
    AS_OF = 3
    AUTHOR = 4
    TAG = 5
    NOTIFICATIONS = 6
    OWN = 7
    FRIENDS = 8


class Key(NamedTuple):
    """Where an activity stands in any feed: newest first, ties by event_id."""

    occurred_at: datetime
    event_id: UUID


Positions = tuple[int | None, ...]
"""Highest source offset applied, by partition; None: nothing is known of it."""


class Cursor(NamedTuple):
    """Where a page ended, and the positions its walk began at, where the feed minds them."""

    key: Key
    positions: Positions | None


NEWEST: Final = Key(datetime(2200, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""Before every activity: where the first page begins."""


class BadCursor(ValueError):
    """The text is no cursor of ours, or one of another walk."""


def encode(walk: Walk, key: Key, positions: Positions | None = None) -> str:
    """The cursor after this item; URL-safe."""
    at_us = (key.occurred_at - _EPOCH) // _MICROSECOND
    version = _PLAIN if positions is None else _WITH_POSITIONS
    packed = _FORM.pack(_VERSIONS * walk + version, at_us, key.event_id.bytes) + b"".join(map(_packed, positions or ()))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(walk: Walk, text: str) -> Cursor:
    """What `encode` was given. Raises BadCursor for anything that `encode` does not make for this walk."""
    if len(text) > _MOST_CHARS or not text.isascii():
        raise BadCursor
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        first, at_us, event_id = _FORM.unpack_from(packed)
    except (binascii.Error, struct.error) as error:
        raise BadCursor from error
    version = first - _VERSIONS * walk
    if version not in (_PLAIN, _WITH_POSITIONS) or not _MIN_US <= at_us < _MAX_US:
        raise BadCursor
    positions = _unpacked(packed[_FORM.size :]) if version == _WITH_POSITIONS else None
    cursor = Cursor(Key(_EPOCH + at_us * _MICROSECOND, UUID(bytes=event_id)), positions)
    if encode(walk, *cursor) != text:  # what is left over, spare bits, and numbers in a longer form than need be
        raise BadCursor
    return cursor


def _packed(offset: int | None) -> bytes:
    """Seven bits a byte, lowest first; 0 is None, 1 is -1."""
    number = 0 if offset is None else offset + 2
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _unpacked(packed: bytes) -> Positions:
    positions: list[int | None] = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if number >= _MAX_OFFSET:
            raise BadCursor
        if byte < 128:
            positions.append(None if number == 0 else number - 2)
            number = shift = 0
    return tuple(positions)
