"""Raw bytes -> enriched bytes without building the value anew, for the events that are nearly all of them.

The enriched value of an activity has the raw one's fields, two before them (verb, occurred_at) and, in what was posted,
up to three more at its object's end (canonical_url, tags, mentions). So where the raw bytes are canonical they are
copied. A property test holds this equal to `enrich`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from feedmill.contracts.structs import Comment, Follow, OnObject, OnUser, Post
from feedmill.contracts.verbs import VERBS
from feedmill.enricher.decode import Event
from feedmill.enricher.text import canonical, mentions_in, tags_in

REFERENCES: Final = frozenset({OnObject, OnUser, Follow})
"""Who did something to what: nothing in them to look at."""
HEAD: Final = {verb.name: b'{"verb":"%b","occurred_at":"' % verb.name.encode() for verb in VERBS.values()}
"""What stands before the time; the time and `copied` follow."""


class _Found(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an object gets, named as in EnrichedObject."""

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
    if kind in REFERENCES:
        rest = raw
    elif kind is Post or kind is Comment:
        rest = with_found(raw, data)
    else:
        return None
    return HEAD[event.verb.name] + occurred_at.encode() + b'",' + rest[1:]


def with_found(raw: bytes, data: Any) -> bytes:
    """The canonical value of a Post or Comment with what its text and URL tell. Its content is text or null."""
    thing = data.object
    url = thing.url if type(data) is Post else None
    if url is None and b"#" not in raw and b"@" not in raw:
        return raw
    content = thing.content or ""
    found = _encode(_Found(canonical(url), tags_in(content), mentions_in(content)))
    if found == b"{}":
        return raw
    end = _end_of_object(raw, data)
    return b"%b,%b%b" % (raw[:end], found[1:-1], raw[end:])


def _end_of_object(raw: bytes, data: Any) -> int:
    """Where its closing brace stands. No text can hold what is searched for: a quotation mark in it is escaped."""
    if type(data) is Comment:
        return raw.rindex(b'},"target":{')
    return len(raw) - 2 if data.space_id is None else raw.rindex(b'},"space_id":')
