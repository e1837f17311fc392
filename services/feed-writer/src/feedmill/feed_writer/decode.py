"""Enriched records -> rows, rejections and positions. Pure: the same records from the same positions, the same result.

The filter is what makes a sink's "once" cheap: per partition the source offset only grows and has no holes, so what is
at or below the position was applied before, and a record whose writer already knew of more than the position says that
something is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from feedmill.contracts import headers, strict_json, times, topics
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.limits import MAX_ID, TYPE_NAME_MAX_CHARS
from feedmill.contracts.verbs import TYPE_PREFIX, VERBS
from feedmill.feed_writer.row import NO_CONTENT, START, Decoded, Position, Row, Target, Thing, User
from feedmill.runtime.outcome import DeadLetter, Fatal, Record, TopicPartition

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


_decode = msgspec.json.Decoder(_Activity).decode


def decode(records: Iterable[Record], positions: Mapping[TopicPartition, Position], *, find_holes: bool) -> Decoded:
    """Take a batch apart, in its order. Raises Fatal where a partition stands below what its writer had written."""
    result = Decoded()
    lanes: dict[tuple[str, int], _Lane] = {}
    for record in records:
        where = (record.topic, record.partition)
        lane = lanes.get(where)
        if lane is None:
            lane = lanes[where] = _Lane(record.topic_partition, positions)
        lane.next_offset = record.offset + 1
        said = dict(record.headers)
        source_offset, source_from = _number(said, headers.SOURCE_OFFSET), _number(said, headers.SOURCE_FROM)
        if source_offset is None or source_from is None:
            outcome: Row | Rejected = Rejected(Code.BAD_ENVELOPE, "no source-offset and source-from headers")
        elif source_offset <= lane.applied:
            result.repeats += 1
            continue
        else:
            if find_holes and source_from > lane.applied:
                raise Fatal(
                    f"{record.topic}/{record.partition} at {record.offset}: its writer had written source offset "
                    f"{source_from}, but only {lane.applied} is applied here: records are missing"
                )
            lane.applied = source_offset
            if headers.MARKER in said:
                continue
            outcome = row_of(record, said, source_offset)
        if isinstance(outcome, Rejected):
            result.rejected.append(DeadLetter(record, outcome, origin_of(record)))
        else:
            result.rows.append(outcome)
    result.moved = {lane.partition: Position(lane.applied, lane.next_offset) for lane in lanes.values()}
    return result


class _Lane:
    """One partition while a batch is taken apart."""

    __slots__ = ("applied", "next_offset", "partition")

    def __init__(self, partition: TopicPartition, positions: Mapping[TopicPartition, Position]) -> None:
        at = positions.get(partition, START)
        self.partition, self.applied, self.next_offset = partition, at.source_offset, at.next_offset


def row_of(record: Record, said: Mapping[str, bytes], source_offset: int) -> Row | Rejected:
    """One record that is no marker and no repeat, judged by itself."""
    event_id = _event_id(said.get(headers.EVENT_ID))
    accepted_ms = _number(said, headers.ACCEPTED_AT)
    origin_offset = _number(said, headers.ORIGIN_OFFSET)
    if event_id is None or accepted_ms is None or (headers.ORIGIN_OFFSET in said and origin_offset is None):
        return Rejected(Code.BAD_ENVELOPE, "event-id, accepted-at or origin-offset header missing or unreadable")
    if record.value is None:
        return Rejected(Code.NO_VALUE, "a null value that is no marker")
    activity = _activity(record.value)
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
    )


def origin_of(record: Record) -> tuple[str, int, int]:
    """Where a record first was: its place in the raw topic, or its own where it does not say."""
    source_offset = _number(dict(record.headers), headers.SOURCE_OFFSET)
    raw = topics.RAW_OF.get(record.topic)
    if source_offset is None or raw is None:
        return record.topic, record.partition, record.offset
    return raw.name, record.partition, source_offset


def _activity(value: bytes) -> _Activity | Rejected:
    if b"\\u" in value:  # escapes hide what no store keeps: NUL and lone surrogates
        refused = strict_json.refusal(value, max_depth=MAX_DEPTH)
        if refused is not None:
            return refused
    try:
        return _decode(value)
    except msgspec.ValidationError as error:
        return Rejected(Code.WRONG_TYPE, str(error))
    except msgspec.DecodeError as error:
        return Rejected(Code.NOT_JSON, str(error))
    except UnicodeDecodeError:
        return Rejected(Code.NOT_UTF8, "must be UTF-8")
    except RecursionError:
        return Rejected(Code.TOO_DEEP, "nested too deep")


MAX_DEPTH = 64
"""Levels of an enriched value: its content's 32 and a few around them, with room; below what jsonb's parser takes."""


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
        parsed = _event_id(user.uuid.encode())
        if parsed is None:
            return Rejected(Code.WRONG_TYPE, "must be a uuid", "user.uuid")
        uuid = parsed.hex()
    return User(user.id, user.handle, uuid, user.name, user.email, user.college)


def _event_id(text: bytes | None) -> bytes | None:
    """A uuid in its usual text form -> its 16 bytes."""
    if text is None or len(text) != 36:
        return None
    try:
        value = bytes.fromhex(text.decode("ascii").replace("-", ""))
    except ValueError:
        return None
    return value if len(value) == 16 else None


def _number(said: Mapping[str, bytes], name: str) -> int | None:
    """Decimal text of an offset or of milliseconds; -1 is one, any other negative number is not."""
    text = said.get(name)
    if text is None or len(text) > _MAX_DIGITS:
        return None
    if text.isdigit():
        return int(text)
    return -1 if text == b"-1" else None


_MAX_DIGITS = 18
"""Fits 64 bits whatever the digits."""
