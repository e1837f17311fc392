"""Raw record -> event, or the reason why it can never be one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from feedmill.contracts import strict_json, structs
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.headers import CE_TIME, CE_TYPE, DLQ_OFFSET, DLQ_PARTITION, DLQ_TOPIC, EVENT_ID
from feedmill.contracts.ids import event_id_of_article, event_id_of_place
from feedmill.contracts.limits import EVENT_MAX_BYTES
from feedmill.contracts.times import canonical_time
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, ARTICLE_PUBLISHED
from feedmill.contracts.verbs import BARE, BY_TYPE, TYPE_PREFIX, VERBS, Verb
from feedmill.enricher.lane import id_bytes
from feedmill.runtime.outcome import Record

VALUE_MAX_BYTES: Final = EVENT_MAX_BYTES + 1_024
"""What the door lets through, and the ids it adds."""

_DECODE: Final[Mapping[str, Callable[[bytes], Any]]] = {
    verb.name: msgspec.json.Decoder(verb.struct).decode for verb in VERBS.values()
}
_VERB_OF: Final[Mapping[tuple[str, bytes | None], Verb]] = {
    (verb.topic.name, verb.type.encode()): verb for verb in VERBS.values()
}
"""Topic and `ce_type` as it travels -> verb: one look-up for nearly every record."""
_FLAT: Final = frozenset({structs.ObjectRef, structs.UserRef})
"""Objects without free JSON below them."""
_encode: Final = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, gc=False):
    """A raw record that says something true. `id` in 16 bytes; `occurred_at` is None without an envelope."""

    id: bytes
    verb: Verb
    data: Any
    occurred_at: str | None
    headers: dict[str, bytes]
    origin_offset: int | None
    """The offset a replayed dead letter first had; None for what was never one."""
    canonical: bytes | None
    """The raw value where `data` encodes to the very same bytes: nothing in it is unknown or doubled."""


def decode(record: Record) -> Event | Rejected:
    """The reasons name the field; none of them holds a value of the record."""
    named = dict(record.headers)
    value = record.value
    if value is None:
        return Rejected(Code.NO_VALUE, "the record has a key but no value")
    if len(value) > VALUE_MAX_BYTES:
        return Rejected(Code.TOO_LARGE, f"the value has {len(value)} bytes, the limit is {VALUE_MAX_BYTES}")
    known = _VERB_OF.get((record.topic, named.get(CE_TYPE))) if EVENT_ID in named else None
    verb = known or _verb_of(record.topic, named)
    if isinstance(verb, Rejected):
        return verb
    data, is_canonical = _data_of(verb, value)
    if type(data) is Rejected:
        return data
    if verb.topic is ACTIVITY_PUBLISHED and not _key_fits(verb, data, record.key):
        return Rejected(Code.WRONG_KEY, f"the key of {verb.name} must be the id of what it changes")
    try:
        origin = _origin_of(record, named) if DLQ_TOPIC in named else None
        given = named.get(EVENT_ID)
        return Event(
            id_bytes(given) if given is not None else _id_of_bare(record, verb, data, origin),
            verb,
            data,
            _occurred_at(verb, named),
            named,
            origin[2] if origin else None,
            value if is_canonical else None,
        )
    except ValueError as error:
        return Rejected(Code.BAD_ENVELOPE, str(error))


def _verb_of(topic: str, named: Mapping[str, bytes]) -> Verb | Rejected:
    kind = named.get(CE_TYPE)
    if EVENT_ID not in named:
        bare = BARE.get(topic)
        return bare or Rejected(Code.BAD_ENVELOPE, f"records of {topic} need the header {EVENT_ID}")
    if kind is None:
        return Rejected(Code.BAD_ENVELOPE, f"the header {CE_TYPE} is missing")
    name = kind.decode("utf-8", "replace")
    verb = BY_TYPE.get(name)
    if verb is None:
        return _unknown(name)
    if verb.topic.name != topic:
        return Rejected(Code.UNKNOWN_TYPE, f"{verb.type} belongs to {verb.topic.name}")
    return verb


def _unknown(name: str) -> Rejected:
    stem, _, version = name.rpartition(".")
    if stem.removeprefix(TYPE_PREFIX) in VERBS and version.startswith("v"):
        return Rejected(Code.UNKNOWN_VERSION, "this version of the type is newer than this enricher", CE_TYPE)
    return Rejected(Code.UNKNOWN_TYPE, "no such type", CE_TYPE)


def _data_of(verb: Verb, value: bytes) -> tuple[Any, bool]:
    """The data, or Rejected; and whether it encodes to the same bytes, which spares the strict parser."""
    try:
        data = _DECODE[verb.name](value)
    except (msgspec.DecodeError, RecursionError) as error:
        return _refusal(value) or Rejected(Code.WRONG_TYPE, str(error)), False
    flat = _is_flat(data)
    if flat and _encode(data) == value and not strict_json.may_hold_nul(value):
        return data, True
    try:
        tree = strict_json.loads_unwalked(value)
    except strict_json.NotStrictJson as refused:
        return refused.rejected, False
    if not flat or strict_json.may_hold_nul(value):
        return strict_json.walk(tree) or data, False
    return data, False


def _refusal(value: bytes) -> Rejected | None:
    try:
        strict_json.loads_unwalked(value)
    except strict_json.NotStrictJson as refused:
        return refused.rejected
    return None


def _is_flat(data: Any) -> bool:
    """No free JSON below it: types and ranges were judged by the decoder."""
    thing = getattr(data, "object", None)
    if type(thing) in _FLAT:
        return True
    content = getattr(thing, "content", None)
    return content is None or isinstance(content, str)


def _key_fits(verb: Verb, data: Any, key: bytes | None) -> bool:
    if key is None:
        return False
    if verb.name == "delete":
        return key.isdigit()  # the author's, whom only the door could look up
    return key == verb.key(data).encode()


def _origin_of(record: Record, named: Mapping[str, bytes]) -> tuple[str, int, int]:
    """Where a replayed dead letter first lay. ValueError where its headers are broken."""
    try:
        place = (
            named[DLQ_TOPIC].decode(),
            int(named[DLQ_PARTITION]),
            int(named[DLQ_OFFSET]),
        )
    except (KeyError, UnicodeDecodeError) as error:
        raise ValueError("a replay must keep all dlq- headers") from error
    if place[:2] != (record.topic, record.partition):
        raise ValueError("a replay must go to the topic and partition it came from")
    return place


def _id_of_bare(record: Record, verb: Verb, data: Any, origin: tuple[str, int, int] | None) -> bytes:
    if verb.topic is ARTICLE_PUBLISHED:
        return event_id_of_article(record.topic, str(data.id), data.time).bytes
    return event_id_of_place(*(origin or (record.topic, record.partition, record.offset))).bytes


def _occurred_at(verb: Verb, named: Mapping[str, bytes]) -> str | None:
    """UTC with six digits. ValueError where an activity's time is missing, naive or no time."""
    stamp = named.get(CE_TIME)
    if stamp is None:
        if verb.topic is ACTIVITY_PUBLISHED:
            raise ValueError(f"the header {CE_TIME} is missing")
        return None
    try:
        return canonical_time(stamp.decode("ascii"))
    except ValueError as error:
        raise ValueError(f"{CE_TIME} {error}") from error
