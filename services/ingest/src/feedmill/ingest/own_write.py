"""What the endpoints that publish one event about one user have in common: who is meant, the record, the wait."""

import re
from typing import Final

import msgspec
from fastapi import Request

from feedmill.contracts import headers, ids, times
from feedmill.contracts.limits import MAX_ID
from feedmill.contracts.verbs import Verb
from feedmill.ingest.house import House
from feedmill.ingest.prepare import Caller
from feedmill.runtime import metrics
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.kafka import Message
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import Positions
from feedmill.runtime.problem import FieldError, Kind, Problem

NOBODY: Final = "There is no user with this id."
_ID: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


def user_id_in(request: Request) -> int:
    """The path's user. Raises Problem (400)."""
    text = request.path_params["user_id"]
    if _ID.fullmatch(text) and int(text) <= MAX_ID:
        return int(text)
    error = FieldError("user_id", "out_of_range", f"must be a whole number from 1 to {MAX_ID}")
    raise Problem(Kind.BAD_PARAMETER, f"user_id {error.message}.", [error])


def named(verb: Verb, data: msgspec.Struct, caller: Caller, source: str, id_: str) -> tuple[str, Message]:
    """The event's id and its record. `data`: with an actor_id."""
    key = verb.key(data)
    event_id = ids.event_id_text(caller.principal.owner, source, id_, verb.type, str(data.actor_id), key)  # type: ignore[attr-defined]
    record_headers = {
        headers.CE_SPECVERSION: "1.0",
        headers.CE_ID: id_,
        headers.CE_SOURCE: source,
        headers.CE_TYPE: verb.type,
        headers.CE_TIME: times.format_time(caller.now),
        headers.EVENT_ID: event_id,
        headers.TRACEPARENT: caller.traceparent,
    }
    return event_id, (verb.topic.name, key, msgspec.json.encode(data), list(record_headers.items()))


async def published(house: House, verb: Verb, message: Message) -> Positions:
    """Where the log has it. Raises Problem (503)."""
    acks = await house.door.sender.send([message]) if house.door.sender.available else ()
    if not acks or acks[0].error is not None:
        raise Problem(Kind.LOG_AWAY, "The log did not acknowledge it: send it again with the same Idempotency-Key.")
    metrics.EVENTS_ACCEPTED.at(verb.name).inc()
    return Positions.of(verb.topic.name, acks[0].partition, acks[0].offset)


async def applied(house: House, position: Positions, wait_s: float | None) -> bool:
    """Whether the state has it within `wait_s`; None: as long as the families' own writes are waited for."""
    try:
        own_s = house.settings.wait.own_write_s if wait_s is None else wait_s
        await house.applied.wait_for(position, own_s, acknowledged=True)
    except (NotYetApplied, Transient):
        return False
    return True
