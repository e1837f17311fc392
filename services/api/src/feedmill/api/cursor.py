"""Keyset cursors: where a page ended, in a form that says nothing and cannot be made up by accident."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

_VERSION: Final = 1
_FORM: Final = struct.Struct(">Bq16s")  # version, microseconds since 1970, event_id
_TEXT_CHARS: Final = 34
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MIN_US: Final = 0
_MAX_US: Final = 4_102_444_800_000_000  # 2100-01-01: the log holds nothing later


class Key(NamedTuple):
    """Where an activity stands in any feed: newest first, ties by event_id."""

    occurred_at: datetime
    event_id: UUID


NEWEST: Final = Key(datetime(2200, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""Before every activity: where the first page begins."""


class BadCursor(ValueError):
    """The text is no cursor of ours."""


def encode(key: Key) -> str:
    """The cursor after this item; URL-safe, of fixed length."""
    at_us = (key.occurred_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(_FORM.pack(_VERSION, at_us, key.event_id.bytes)).rstrip(b"=").decode()


def decode(text: str) -> Key:
    """What `encode` was given. Raises BadCursor for anything that `encode` does not make."""
    if len(text) != _TEXT_CHARS or not text.isascii():
        raise BadCursor
    try:
        version, at_us, event_id = _FORM.unpack(base64.b64decode(text + "==", b"-_", validate=True))
    except (binascii.Error, struct.error) as error:
        raise BadCursor from error
    if version != _VERSION or not _MIN_US <= at_us < _MAX_US:
        raise BadCursor
    key = Key(_EPOCH + at_us * _MICROSECOND, UUID(bytes=event_id))
    if encode(key) != text:  # the last characters' spare bits
        raise BadCursor
    return key
