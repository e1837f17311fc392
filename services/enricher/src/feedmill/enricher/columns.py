"""Many records at once: what nearly all of them are is decoded and enriched by columns, a few calls for a whole batch.

Usual is a record with the door's headers in the door's order and a canonical value of who did what to which object. It
becomes what `decode` and `enrich` make of it; a property test holds them equal. Whatever is not usual is left to them,
and where a column does not fit as a whole all its records are: slower, never different.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from feedmill.contracts import strict_json
from feedmill.contracts.headers import CE_ID, CE_SOURCE, CE_SPECVERSION, CE_TIME, CE_TYPE, EVENT_ID, TRACEPARENT
from feedmill.contracts.structs import Comment, Post
from feedmill.contracts.times import canonical_time
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS, Verb, key_of_actor
from feedmill.enricher.decode import VALUE_MAX_BYTES
from feedmill.enricher.splice import HEAD, REFERENCES, with_found
from feedmill.runtime.outcome import Record

Done = tuple[bytes, bytes]
"""The event's id in 16 bytes and its enriched value."""

_USUAL: Final = (CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE, CE_TIME, EVENT_ID, TRACEPARENT)
_TIME_CHARS: Final = len("2026-11-21T10:00:00.123456Z")
_ID_CHARS: Final = len("00000000-0000-5000-8000-000000000000")
_DASHES: Final = (8, 13, 18, 23)
_SECOND: Final = slice(0, 19)
_DIGITS: Final = range(20, 26)
SECONDS_KEPT: Final = 4_096
"""Times of neighbours mostly lie in the same few seconds."""

_encode_lines: Final = msgspec.json.Encoder().encode_lines
_actor_id: Final = attrgetter("actor_id")
_Row = tuple[int, bytes, bytes, bytes, bytes]
"""Its place among the records, value, key, time, id."""


class _Form:
    """How records of one verb are judged."""

    def __init__(self, verb: Verb) -> None:
        self.decode_lines: Callable[[bytes], list[Any]] = msgspec.json.Decoder(verb.struct).decode_lines
        self.key = verb.key
        self.key_is_actor = verb.key is key_of_actor
        self.any_key = verb.name == "delete"  # the author's, whom only the door could look up
        self.head = HEAD[verb.name]
        self.has_text = verb.struct in (Post, Comment)


_FORMS: Final = {
    verb.type.encode(): _Form(verb)
    for verb in VERBS.values()
    if verb.topic is ACTIVITY_PUBLISHED and verb.struct in (*REFERENCES, Post, Comment)
}
"""By `ce_type` as it travels."""


def usual(records: Sequence[Record]) -> list[Done | None]:
    """For each record what becomes of it, or None: it has to be looked at by itself."""
    done: list[Done | None] = [None] * len(records)
    for kind, rows in _by_type(records).items():
        form = _FORMS.get(kind)
        if form is not None:
            _enrich(form, rows, done)
    return done


def _by_type(records: Sequence[Record]) -> dict[bytes, list[_Row]]:
    """What looks usual from outside."""
    rows: dict[bytes, list[_Row]] = {}
    for place, record in enumerate(records):
        headers = record.headers
        if len(headers) != 7:
            continue
        (a, _), (b, _), (c, _), (d, kind), (e, at), (f, event_id), (g, _) = headers
        value, key = record.value, record.key
        if (a, b, c, d, e, f, g) != _USUAL or not (value and key and kind and at and event_id):
            continue
        if record.topic != ACTIVITY_PUBLISHED.name or len(event_id) != _ID_CHARS:
            continue
        if len(at) != _TIME_CHARS and not (at := _six_digits(at)):
            continue
        row = (place, value, key, at, event_id)
        same = rows.get(kind)
        if same is None:
            rows[kind] = [row]
        else:
            same.append(row)
    return rows


def _enrich(form: _Form, rows: Sequence[_Row], done: list[Done | None]) -> None:
    """All of them or, where one does not fit, none."""
    places, values, keys, times, event_ids = zip(*rows, strict=True)
    items, ids = _items(form, values), _ids(event_ids)
    if not items or not ids or not _keys_fit(form, items, keys) or not _are_times(times):
        return
    head = form.head
    if not form.has_text:
        for place, event_id, time, value in zip(places, ids, times, values, strict=True):
            done[place] = event_id, head + time + b'",' + value[1:]
        return
    for place, event_id, time, value, item in zip(places, ids, times, values, items, strict=True):
        content = item.object.content
        if type(content) is str or content is None:
            done[place] = event_id, head + time + b'",' + with_found(value, item)[1:]


def _items(form: _Form, values: Sequence[bytes]) -> list[Any]:
    """Decoded, where each of them is canonical: encoded again, a line each, they are as many and the same lines."""
    lines = b"\n".join([*values, b""])
    try:
        items = form.decode_lines(lines)
    except (msgspec.DecodeError, RecursionError):
        return []
    if strict_json.may_hold_nul(lines) or max(map(len, values)) > VALUE_MAX_BYTES:
        return []
    return items if len(items) == len(values) and _encode_lines(items) == lines else []


def _keys_fit(form: _Form, items: list[Any], keys: Sequence[bytes]) -> bool:
    if form.any_key:
        return b"".join(keys).isdigit()
    lines = b"\n".join([*keys, b""])
    if form.key_is_actor:
        return _encode_lines(list(map(_actor_id, items))) == lines
    return "".join([f"{form.key(item)}\n" for item in items]).encode() == lines


def _ids(texts: Sequence[bytes]) -> list[bytes]:
    """In 16 bytes each; none where one is no uuid in its usual form. Each text has 36 characters."""
    joined, dashes = b"".join(texts), b"-" * len(texts)
    if any(joined[at::_ID_CHARS] != dashes for at in _DASHES):
        return []
    try:
        packed = unhexlify(joined.replace(b"-", b""))
    except ValueError:
        return []
    return [packed[at : at + 16] for at in range(0, len(packed), 16)] if len(packed) == 16 * len(texts) else []


def _are_times(texts: Sequence[bytes]) -> bool:
    """Whether each is in UTC with six digits, as `canonical_time` writes it."""
    joined, number = b"".join(texts), len(texts)
    return (
        len(joined) == _TIME_CHARS * number
        and joined[19::_TIME_CHARS] == b"." * number
        and joined[26::_TIME_CHARS] == b"Z" * number
        and b"".join([joined[at::_TIME_CHARS] for at in _DIGITS]).isdigit()
        and all(map(_is_second, {text[_SECOND] for text in texts}))
    )


@lru_cache(SECONDS_KEPT)
def _is_second(text: bytes) -> bool:
    return _six_digits(text + b".999999Z")[_SECOND] == text


def _six_digits(text: bytes) -> bytes:
    """Empty where it is no time."""
    try:
        return canonical_time(text.decode("ascii")).encode()
    except ValueError:
        return b""
