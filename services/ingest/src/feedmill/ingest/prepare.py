"""Decoded events -> Kafka messages, in the order sent. Pure and hot: no I/O, no clock, a few microseconds each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from feedmill.contracts import headers, ids, structs, times
from feedmill.contracts.envelope import Event, checked_printable
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.limits import MAX_AHEAD_S
from feedmill.ingest.body import Item
from feedmill.ingest.judge import NO_IDS, Judgements, since_of
from feedmill.ingest.memory import Recent
from feedmill.ingest.plans import PLANS, Needs, Plan
from feedmill.ingest.world import ObjectKey
from feedmill.runtime import metrics
from feedmill.runtime.auth import Principal
from feedmill.runtime.kafka import Message

_encode: Final = msgspec.json.Encoder(order="deterministic").encode  # equal bodies, equal bytes
_SPECVERSION: Final = (headers.CE_SPECVERSION, "1.0")
_CE_ID, _CE_TIME, _EVENT_ID = headers.CE_ID, headers.CE_TIME, headers.EVENT_ID
_NO_ID: Final = (headers.EVENT_ID, "")
PART_EVENTS: Final = 200
"""Made and sent before the next are made: some 2 kB of memory each."""
_ID_HEADER: Final = 5
"""Where among a record's headers its id stands."""
_BEFORE_OBJECT: Final = b'"object":{'
_FORBIDDEN: Final = Rejected(Code.FORBIDDEN, "the key may act for its owner only", "data.actor_id")
_FOR_SERVICES: Final = Rejected(Code.FORBIDDEN, "the key may send this of its owner only", "type")
_NOT_THE_AUTHOR: Final = Rejected(Code.FORBIDDEN, "only its author may delete an object", "data.object.id")
_NO_OBJECT: Final = Rejected(Code.NOT_FOUND, "there is no such object", "data.object.id")
_CONFLICT: Final = Rejected(Code.CONFLICT, "another event was sent with this source and id", "id")
_TOO_FAR_AHEAD: Final = Rejected(Code.TOO_FAR_AHEAD, f"lies more than {MAX_AHEAD_S // 60} minutes ahead", "time")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends, when by the door's clock, and in which trace."""

    principal: Principal
    now: datetime
    traceparent: str


@dataclass(slots=True)
class Prepared:
    """Of each message its place among the items, its event id, its topic, and what it creates.

    `refused` and `retry`: place -> why.
    """

    places: list[int] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    created: dict[int, tuple[ObjectKey, int]] = field(default_factory=dict)
    """Place -> the new object and its author."""
    refused: dict[int, Rejected] = field(default_factory=dict)
    retry: dict[int, Rejected] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    """Beside each message its place, its full name, the hash of the body as sent (a repeat has the same), its id."""

    messages: list[Message] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)


class Preparation:
    """One request's way through the loop; `seen` is the door's memory of events: id -> hash of the body."""

    def __init__(self, caller: Caller, judgements: Judgements, seen: Recent[str, int]) -> None:
        self._judgements = judgements
        self._seen = seen
        self._owner = caller.principal.owner
        self._own_actor = str(caller.principal.user_id)
        self._acts_for_all = caller.principal.may("events:write")
        self._latest = caller.now + timedelta(seconds=MAX_AHEAD_S)
        self._now_text = times.format_time(caller.now)
        self._now_header = (headers.CE_TIME, self._now_text)
        self._trace_header = (headers.TRACEPARENT, caller.traceparent)
        self._source = ""
        self._owner_and_source = ""
        self._source_header = (headers.CE_SOURCE, "")
        self.out = Prepared()
        self._remembered: list[str] = []

    def parts(self, items: Sequence[Item]) -> Iterator[list[Message]]:
        """The messages, `PART_EVENTS` events' at a time; `out` knows of those that were asked for.

        What a part needs fits a processor's cache, and is free again when the next one is made.
        """
        for start in range(0, len(items), PART_EVENTS):
            part = self._made(items[start : start + PART_EVENTS], start)
            self._name(part)
            self.out.places += part.places
            self.out.event_ids += part.event_ids
            self.out.topics += [message[0] for message in part.messages]
            yield part.messages

    def _made(self, items: Sequence[Item], start: int) -> "_Part":
        """Each event's record, all but its id."""
        part = _Part()
        plan_of, add_message, add_place = PLANS.get, part.messages.append, part.places.append
        add_name, add_hash = part.names.append, part.hashes.append
        acts_for_all, now_header, trace_header = self._acts_for_all, self._now_header, self._trace_header
        for place, item in enumerate(items, start):
            plan = plan_of(type(item))  # type: ignore[arg-type]
            if plan is None:
                self._refuse(place, item.rejected)  # type: ignore[union-attr]
                continue
            event: Event = item  # type: ignore[assignment]
            data, time, id_ = event.data, event.time, event.id
            verb, topic, type_, type_header, needs, is_activity, key_is_actor, actor_of = plan
            actor = str(data.actor_id) if is_activity else actor_of(data)
            if not acts_for_all or time is not None or event.source != self._source or not id_.isprintable():
                rejected = self._why_not(event, actor, plan)
                if rejected is not None:
                    self._refuse(place, rejected)
                    continue
            body = _encode(data)
            value = body if needs is _NOTHING else self._completed(place, body, event, needs)
            if isinstance(value, Rejected):
                self._refuse(place, value)
                continue
            key = actor if key_is_actor else verb.key(data)
            time_header = now_header if time is None else (_CE_TIME, time)
            trace = trace_header if event.traceparent is None else (headers.TRACEPARENT, event.traceparent)
            add_place(place)
            add_name(f"{self._owner_and_source}{id_}\n{type_}\n{actor}\n{key}")
            add_hash(hash(body))
            record_headers = [_SPECVERSION, (_CE_ID, id_), self._source_header, type_header, time_header, _NO_ID, trace]
            add_message((topic, key, value, record_headers))
        return part

    def _name(self, part: "_Part") -> None:
        """The ids. The memory is asked one by one only where it knows an id or one stands twice."""
        part.event_ids = event_ids = ids.uuid5_texts(part.names)
        for message, event_id in zip(part.messages, event_ids, strict=True):
            message[3][_ID_HEADER] = (_EVENT_ID, event_id)  # type: ignore[index]
        if self._seen.put_all_new(event_ids, part.hashes):
            self._remembered += event_ids
        else:
            self._refuse_conflicts(part)

    def forget(self) -> None:
        """Ids that this request was the first to name, where nothing of it is sent: what was known before stays."""
        for event_id in self._remembered:
            self._seen.forget(event_id)

    def _refuse_conflicts(self, part: "_Part") -> None:
        """An event that was seen with another body is none of the messages."""
        kept = []
        for index, (place, event_id, body_hash) in enumerate(
            zip(part.places, part.event_ids, part.hashes, strict=True)
        ):
            known_hash = self._seen.put_first(event_id, body_hash)
            if known_hash is None:
                self._remembered.append(event_id)
            elif _differs(known_hash, body_hash):
                self._refuse(place, _CONFLICT)
                self.out.created.pop(place, None)
                continue
            kept.append(index)
        part.messages = [part.messages[index] for index in kept]
        part.places = [part.places[index] for index in kept]
        part.event_ids = [part.event_ids[index] for index in kept]

    def _refuse(self, place: int, rejected: Rejected) -> None:
        (self.out.retry if rejected.reason in _RETRIED else self.out.refused)[place] = rejected

    def _why_not(self, event: Event, actor: str, plan: Plan) -> Rejected | None:
        """What is not plain to see of most events: whether the key may, and whether name and time are right."""
        if not self._acts_for_all and actor != self._own_actor:
            return _FORBIDDEN if plan.is_activity else _FOR_SERVICES
        if event.source != self._source or not event.id.isprintable():
            rejected = self._check_names(event)
            if rejected is not None:
                return rejected
        if event.time is not None:
            try:
                if times.parse_time(event.time) > self._latest:
                    return _TOO_FAR_AHEAD
            except ValueError as error:
                return Rejected(Code.BAD_TIME, str(error), "time")
        return None

    def _check_names(self, event: Event) -> Rejected | None:
        """What stands in the event's name, lines apart; a batch has mostly one source."""
        for name, text in (("id", event.id), ("source", event.source)):
            try:
                checked_printable(text)
            except ValueError as error:
                return Rejected(Code.CONTROL_CHARACTER, str(error).partition(": ")[2], name)
        self._source = event.source
        self._owner_and_source = f"{self._owner}\n{event.source}\n"
        self._source_header = (headers.CE_SOURCE, event.source)
        return None

    def _completed(self, place: int, body: bytes, event: Event, needs: Needs) -> bytes | Rejected:
        """The record's value: what the client sent and what only the door can add."""
        data: Any = event.data
        match needs:
            case Needs.OBJECT_ID:
                return self._with_id(place, body, data)
            case Needs.AUTHOR:
                return self._permitted(body, data)
            case _:
                occurred_at = self._now_text if event.time is None else times.format_time(times.parse_time(event.time))
                since = since_of(event, occurred_at, self._judgements)
                if isinstance(since, Rejected):
                    return since
                user = structs.UserRef(type="user", id=data.object.id)
                return _encode(structs.Follow(actor_id=data.actor_id, object=user, since=since))

    def _with_id(self, place: int, body: bytes, data: Any) -> bytes | Rejected:
        kind = data.object.type
        if kind in self._judgements.no_ids:
            return NO_IDS
        new_id = self._judgements.object_ids[kind].pop()
        self.out.created[place] = ((kind, new_id), data.actor_id)
        # Nothing but actor_id, a number, stands before "object" in what the encoder wrote.
        return body.replace(_BEFORE_OBJECT, b'"object":{"id":%d,' % new_id, 1)

    def _permitted(self, body: bytes, data: Any) -> bytes | Rejected:
        author = self._judgements.authors.get((data.object.type, data.object.id))
        if author is None:
            return self._judgements.retry.get(Needs.AUTHOR, _NO_OBJECT)
        return body if author == data.actor_id else _NOT_THE_AUTHOR


def _differs(known_hash: int, body_hash: int) -> bool:
    """Whether a repeat has another body than the first. `time` is no part of it."""
    same = known_hash == body_hash
    metrics.EVENTS_REPEATED.at("yes" if same else "no").inc()
    return not same


_NOTHING: Final = Needs.NOTHING
_RETRIED: Final = frozenset({Code.UNAVAILABLE, Code.NO_IDS})
