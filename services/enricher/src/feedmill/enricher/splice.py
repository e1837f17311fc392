"""Raw bytes -> enriched bytes without building the value anew, for the events that are nearly all of them.

The enriched value of an activity has the raw one's fields, two before them (verb, occurred_at) and, in what was posted,
up to three more at its end (canonical_url, tags, mentions). So where the raw bytes are canonical they are copied. A
property test holds this equal to `enrich`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from feedmill.contracts.structs import Comment, Follow, OnObject, OnUser, Post
from feedmill.enricher.decode import Event
from feedmill.enricher.text import canonical, mentions_in, tags_in

_REFERENCES: Final = frozenset({OnObject, OnUser, Follow})
"""Nothing in them to look at."""


class _Found(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a post's object gets, named as in EnrichedObject."""

    canonical_url: str | None = None
    tags: list[str] = []
    mentions: list[str] = []


_encode = msgspec.json.Encoder().encode


def spliced(event: Event) -> bytes | None:
    """The enriched value's JSON, or None where it has to be built."""
    raw, occurred_at, data = event.canonical, event.occurred_at, event.data
    if raw is None or occurred_at is None:
        return None
    kind = type(data)
    if kind not in _REFERENCES:
        if kind is Post:
            thing = data.object
            if thing.url is not None or b"#" in raw or b"@" in raw:
                if data.space_id is not None:
                    return None  # the object is not the last field
                raw = _with(raw, thing.content or "", thing.url)
        elif kind is not Comment or b"#" in raw or b"@" in raw:
            return None
    return b'{"verb":"%b","occurred_at":"%b",%b' % (event.verb.name.encode(), occurred_at.encode(), raw[1:])


def _with(raw: bytes, content: str, url: str | None) -> bytes:
    found = _encode(_Found(canonical(url), tags_in(content), mentions_in(content)))
    return raw if found == b"{}" else b"%b,%b}" % (raw[:-2], found[1:])
