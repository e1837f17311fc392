"""Raw and enriched records as the door and the enricher write them: a mix of verbs, a long tail of users."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from feedmill.contracts import headers
from feedmill.contracts.ids import event_id_text
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS

Outgoing = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]], int]
"""topic, key, value, headers, partition: a record not yet in the log."""
ANY_PARTITION = -1
"""The client's own partitioner decides by the key."""

USERS = 5_000
WITH_URL = 0.2
"""Of all posts: what shares a page."""
PAGES = 5_000
"""Some of them far more often than others."""
_START = datetime(2026, 11, 1, tzinfo=UTC)
_MIX = ("post", "like", "share", "comment", "follow")
_WEIGHTS = (40, 35, 10, 10, 5)
_WORDS = "the mill turns again tonight and the river reads along while we wait for feeds streams and tables "
_SIGNS = (" #rust and #python", " said @nico", " #evening with @eric")
WITH_SIGNS = 0.4
"""Of all texts: what names a topic or somebody."""
_encode = msgspec.json.Encoder().encode


def raws(count: int, seed: int) -> Iterator[Outgoing]:
    """Of activity.published.v1: the same records for the same seed, other ids for another one."""
    rng = random.Random(seed)
    for number in range(count):
        verb = VERBS[rng.choices(_MIX, _WEIGHTS)[0]]
        actor = int(USERS * rng.random() ** 2) + 1
        data = data_of(verb.name, actor, seed * 10_000_000 + number + 1, rng)
        headers_ = _envelope(verb.type, actor, number, seed)
        yield ACTIVITY_PUBLISHED.name, str(actor).encode(), _encode(data), headers_, ANY_PARTITION


def data_of(verb: str, actor: int, object_id: int, rng: random.Random) -> dict[str, Any]:
    """As it stands in the log: objects carry their id."""
    other = int(USERS * rng.random() ** 2) + 1
    if verb == "post":
        return {"actor_id": actor, "object": post_object(object_id, rng)}
    if verb == "comment":
        comment = {"type": "comment", "id": object_id, "content": text(rng, 60)}
        return {"actor_id": actor, "object": comment, "target": {"type": "post", "id": other}}
    if verb == "follow":
        return {"actor_id": actor, "object": {"type": "user", "id": other}, "since": None}
    return {"actor_id": actor, "object": {"type": "post", "id": other}}


def post_object(object_id: int, rng: random.Random) -> dict[str, Any]:
    post: dict[str, Any] = {"type": "post", "id": object_id, "content": text(rng, 180)}
    if rng.random() < WITH_URL:
        page = int(PAGES * rng.random() ** 2)
        post |= {"type": "link", "url": f"HTTPS://Example.org:443/p/{page}?utm_source=feed&b=2&a=1"}
    return post


def text(rng: random.Random, chars: int) -> str:
    start = rng.randrange(len(_WORDS))
    words = (_WORDS * (chars // len(_WORDS) + 2))[start : start + chars]
    return words + rng.choice(_SIGNS) if rng.random() < WITH_SIGNS else words


def _envelope(kind: str, actor: int, number: int, seed: int) -> list[tuple[str, bytes]]:
    ce_id = f"{seed}-{number}"
    at = _START + timedelta(seconds=number * 0.01, microseconds=seed + 1)
    event_id = event_id_text("service:bench", "bench", ce_id, kind, str(actor), str(actor))
    trace = f"00-{seed:016x}{number:016x}-{number + 1:016x}-01"
    return [
        (headers.CE_SPECVERSION, b"1.0"),
        (headers.CE_ID, ce_id.encode()),
        (headers.CE_SOURCE, b"bench"),
        (headers.CE_TYPE, kind.encode()),
        (headers.CE_TIME, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()),
        (headers.EVENT_ID, event_id.encode()),
        (headers.TRACEPARENT, trace.encode()),
    ]
