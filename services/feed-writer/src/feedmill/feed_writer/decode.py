"""Records of activity.enriched.v1 -> rows or rejections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from feedmill.contracts import headers, times
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.limits import MAX_ID, TYPE_NAME_MAX_CHARS
from feedmill.contracts.verbs import TYPE_PREFIX, VERBS
from feedmill.feed_writer.row import NO_CONTENT, Decoded, Position, Read, Row, Target, Thing, User
from feedmill.feed_writer.take_apart import number, origin_of, take_apart, uuid_bytes
from feedmill.feed_writer.values import parsed
from feedmill.runtime.outcome import Record, TopicPartition

__all__ = ["decode", "origin_of", "row_of"]

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
TypeName = Annotated[str, Meta(min_length=1, max_length=TYPE_NAME_MAX_CHARS)]
Time = Annotated[datetime, Meta(tz=True)]

CREATES_OBJECT = frozenset({"post", "comment"})
CHANGES_EDGE = frozenset({"connect", "disconnect", "recommend", "unrecommend", "mute", "unmute", "block", "unblock"})
NEEDS_OBJECT = (
    CREATES_OBJECT | CHANGES_EDGE | {"delete", "like", "unlike", "share", "follow", "unfollow", "user-erased"}
)
CHANGES_USER = frozenset({"user-created", "user-updated"})

_VERSION = ".v1"
_NO_RAW = msgspec.Raw()


class _Thing(Struct, frozen=True, gc=False):
    type: TypeName
    id: Id
    content: msgspec.Raw = _NO_RAW
    title: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    tags: list[str] = []
    mentions: list[str] = []


class _Target(Struct, frozen=True, gc=False):
    type: TypeName
    id: Id


class _User(Struct, frozen=True, gc=False):
    id: Id
    handle: str | None = None
    uuid: str | None = None
    name: str | None = None
    email: str | None = None
    college: str | None = None


class _Read(Struct, frozen=True, gc=False):
    feed: TypeName
    through: Time
    only_seen: bool


class _Activity(Struct, frozen=True, gc=False):
    """`EnrichedActivity` as a sink reads it: times parsed, content left as it travelled. A property test compares."""

    verb: TypeName
    actor_id: Id
    occurred_at: Time
    object: _Thing | None = None
    target: _Target | None = None
    since: Time | None = None
    space_id: Id | None = None
    user: _User | None = None
    read: _Read | None = None


_decode = msgspec.json.Decoder(_Activity).decode


def decode(
    records: Iterable[Record], positions: Mapping[TopicPartition, Position], *, find_holes: bool
) -> Decoded[Row]:
    """Take a batch of activities apart, in its order. Raises Fatal where records are missing."""
    return take_apart(records, positions, row_of, find_holes=find_holes)


def row_of(record: Record, said: Mapping[str, bytes], source_offset: int) -> Row | Rejected:
    """One record that is no marker and no repeat, judged by itself."""
    event_id = uuid_bytes(said.get(headers.EVENT_ID))
    accepted_ms = number(said, headers.ACCEPTED_AT)
    origin_offset = number(said, headers.ORIGIN_OFFSET)
    if event_id is None or accepted_ms is None or (headers.ORIGIN_OFFSET in said and origin_offset is None):
        return Rejected(Code.BAD_ENVELOPE, "event-id, accepted-at or origin-offset header missing or unreadable")
    if record.value is None:
        return Rejected(Code.NO_VALUE, "a null value that is no marker")
    activity = parsed(record.value, _decode)
    if isinstance(activity, Rejected):
        return activity
    rejected = _judge(activity, said.get(headers.CE_TYPE))
    if rejected is not None:
        return rejected
    thing = _thing(activity.object)
    user = _user(activity.user)
    if isinstance(thing, Rejected):
        return thing
    if isinstance(user, Rejected):
        return user
    target = activity.target
    return Row(
        record.partition,
        record.offset,
        record.timestamp_ms,
        accepted_ms,
        source_offset,
        source_offset if origin_offset is None else max(0, origin_offset),
        event_id,
        activity.verb,
        activity.actor_id,
        activity.occurred_at,
        activity.since,
        activity.space_id,
        thing,
        None if target is None else Target(target.type, target.id),
        user,
        None if activity.read is None else Read(activity.read.feed, activity.read.through, activity.read.only_seen),
    )


def _judge(activity: _Activity, ce_type: bytes | None) -> Rejected | None:
    verb, thing = activity.verb, activity.object
    if ce_type is not None and not _is_known_type(ce_type):
        return Rejected(Code.UNKNOWN_VERSION, "a type or version this sink does not know", headers.CE_TYPE)
    if verb not in VERBS:
        return Rejected(Code.UNKNOWN_TYPE, "a verb this sink does not know", "verb")
    if not times.EARLIEST <= activity.occurred_at < times.END:
        return Rejected(Code.BAD_TIME, "outside the years that are stored", "occurred_at")
    if activity.since is not None and not times.EARLIEST <= activity.since < times.END:
        return Rejected(Code.BAD_TIME, "outside the years that are stored", "since")
    if thing is None and verb in NEEDS_OBJECT:
        return Rejected(Code.MISSING, f"{verb} needs an object", "object")
    if activity.user is None and verb in CHANGES_USER:
        return Rejected(Code.MISSING, f"{verb} needs a user", "user")
    read = activity.read
    if read is not None and not times.EARLIEST <= read.through < times.END:
        return Rejected(Code.BAD_TIME, "outside the years that are stored", "read.through")
    return None


_known_types: dict[bytes, bool] = {}


def _is_known_type(ce_type: bytes) -> bool:
    known = _known_types.get(ce_type)
    if known is None:
        text = ce_type.decode("utf-8", "replace")
        known = text.startswith(TYPE_PREFIX) and text.endswith(_VERSION)
        if known:  # only good ones are kept: their number is bounded by the verbs
            known = text.removeprefix(TYPE_PREFIX).removesuffix(_VERSION) in VERBS
        if known:
            _known_types[ce_type] = known
    return known


def _thing(thing: _Thing | None) -> Thing | Rejected | None:
    if thing is None:
        return None
    raw = bytes(thing.content)
    try:
        content = raw.decode() if raw else NO_CONTENT
    except UnicodeDecodeError:
        return Rejected(Code.NOT_UTF8, "must be UTF-8", "object.content")
    return Thing(thing.type, thing.id, content, thing.title, thing.url, thing.canonical_url, thing.tags, thing.mentions)


def _user(user: _User | None) -> User | Rejected | None:
    if user is None:
        return None
    uuid = None
    if user.uuid is not None:
        parsed = uuid_bytes(user.uuid.encode())
        if parsed is None:
            return Rejected(Code.WRONG_TYPE, "must be a uuid", "user.uuid")
        uuid = parsed.hex()
    return User(user.id, user.handle, uuid, user.name, user.email, user.college)
