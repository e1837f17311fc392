"""What is said on a stream, in the form of server-sent events (WHATWG HTML §9.2). Each id is a position set."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from feedmill.api.queries.item import feed_item
from feedmill.api.times import shown
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.runtime.postgres import Row

_ENCODE: Final = msgspec.json.Encoder().encode
RETRY_MS: Final = 1_000
"""How long a client waits before it comes again."""

Offsets = dict[int, int]
"""Partition of the activities' raw topic -> highest offset that was passed on."""


def behind(at: Offsets, other: Offsets) -> bool:
    """Whether anything of `other` is still to come."""
    return any(at.get(partition, -1) < offset for partition, offset in other.items())


def id_of(offsets: Offsets) -> str:
    """As Feedmill-Position writes it."""
    name = ACTIVITY_PUBLISHED.name
    return ",".join(f"{name}/{partition}:{offset}" for partition, offset in sorted(offsets.items()) if offset >= 0)


def message(event: str, id_: str, data: bytes) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (event.encode(), id_.encode(), data)


def opened(id_: str, positions: Sequence[Row]) -> bytes:
    """The first message: how far the reader has read each feed."""
    return b"retry: %d\n" % RETRY_MS + message("open", id_, _ENCODE({"read": [_read(one) for one in positions]}))


def reset(id_: str, reason: str) -> bytes:
    return message("reset", id_, _ENCODE({"reason": reason}))


def removed(id_: str, said: Mapping[str, object]) -> bytes:
    return message("removed", id_, _ENCODE(said))


def read_through(id_: str, position: Row) -> bytes:
    return message("read", id_, _ENCODE(_read(position)))


def _read(position: Row) -> dict[str, object]:
    seen_through, read_through = shown(position["seen_through"]), shown(position["read_through"])
    return {"feed": position["feed"], "seen_through": seen_through, "read_through": read_through}


def item(row: Row) -> bytes:
    """The activity as a page shows it."""
    return _ENCODE(feed_item(row))


def heartbeat(id_: str) -> bytes:
    """Shown to nobody: a sign of life, and how far the stream has come."""
    return b": heartbeat\nid: %b\n\n" % id_.encode()
