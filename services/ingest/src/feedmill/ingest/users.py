"""`POST /v1/users`: one or many. Names are reserved first, the fact is published, and the answer waits for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from feedmill.contracts import headers, ids, strict_json, times
from feedmill.contracts.edge import NewUserIn
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.limits import USERS_MAX
from feedmill.contracts.strict_json import NotStrictJson
from feedmill.contracts.verbs import VERBS
from feedmill.ingest import openapi
from feedmill.ingest.body import unreadable
from feedmill.ingest.explain import first_error
from feedmill.ingest.house import House, house_of
from feedmill.ingest.object_ids import NoIds
from feedmill.ingest.prepare import Caller
from feedmill.ingest.repeats import refuse_other_body
from feedmill.ingest.requests import body_of, caller_of, idempotency_key_in, position_headers
from feedmill.ingest.reservations import Claim, Granted, Taken
from feedmill.ingest.sending import LOG_AWAY
from feedmill.runtime import metrics
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.http import positions_in
from feedmill.runtime.kafka import Message
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import Positions
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.problem import RETRY_AFTER_S, FieldError, Kind, Problem

SOURCE: Final = "/v1/users"
_VERB: Final = VERBS["user-created"]

router: Final = APIRouter(tags=["users"])


@dataclass(slots=True)
class Signup:
    """One user on the way in. `rejected`: what is wrong with it; `user`: as answered."""

    event_id: UUID
    asked: NewUserIn | None
    rejected: Rejected | None = None
    user_id: int = 0
    status: str = "invalid"
    applied: bool = False
    user: dict[str, object] | None = None


@router.post("/v1/users", openapi_extra=openapi.USERS, responses=openapi.USERS_RESPONSES)
async def create_users(request: Request) -> Response:
    """Create one user, or up to 1,000. Needs the scope `admin`. Answers once they can be read, or 202 after 5 s."""
    house = house_of(request)
    principal = await house.keys.authenticate(request.headers)
    if not principal.may("admin"):
        raise Problem(Kind.FORBIDDEN, "The key needs the scope admin.")
    _check_json(request)
    key = idempotency_key_in(request)
    asked = positions_in(request)
    raw = await body_of(request, house.settings.limits.request_max_bytes)
    documents, is_single = _documents(raw)
    answer_headers = house.rate.spend(principal.owner, len(documents))
    refuse_other_body(house.requests, (principal.owner, SOURCE, key), raw)
    caller = caller_of(principal)
    signups = [_signup(document, caller, _id_of(key, place, is_single)) for place, document in enumerate(documents)]
    positions = await _create(house, caller, [signup for signup in signups if signup.asked is not None])
    answer_headers.update(position_headers(asked, positions))
    return _single(signups[0], answer_headers) if is_single else _many(signups, answer_headers)


def _check_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")


def _documents(raw: bytes) -> tuple[list[Any], bool]:
    try:
        value = strict_json.loads(raw)
    except NotStrictJson as refused:
        raise unreadable(refused.rejected) from None
    if not isinstance(value, list):
        return [value], True
    if len(value) > USERS_MAX:
        raise Problem(Kind.TOO_LARGE, f"A request carries at most {USERS_MAX} users.")
    return value, False


def _id_of(key: str | None, place: int, is_single: bool) -> str:
    if key is None:
        return str(ids.uuid7())
    return key if is_single else f"{key}/{place}"


def _signup(document: Any, caller: Caller, id_: str) -> Signup:
    raw = json.dumps(document).encode()
    rejected = (
        first_error(NewUserIn, raw, document)
        if isinstance(document, dict)
        else Rejected(Code.WRONG_TYPE, "a user is a JSON object")
    )
    if rejected is not None:
        return Signup(UUID(int=0), None, rejected)
    asked = NewUserIn.model_validate_json(raw)
    return Signup(ids.event_id(caller.principal.owner, SOURCE, id_, _VERB.type, "", asked.handle), asked)


async def _create(house: House, caller: Caller, signups: Sequence[Signup]) -> Positions:
    if not signups:
        return Positions()
    if not house.door.sender.available:
        raise Problem(Kind.LOG_AWAY, LOG_AWAY.detail)
    await _reserve(house, signups)
    granted = [signup for signup in signups if signup.status == "created"]
    positions = await _publish(house, caller, granted)
    kept = [signup for signup in granted if signup.status == "created"]
    await _read_back(house, kept, positions)
    return positions


async def _reserve(house: House, signups: Sequence[Signup]) -> None:
    try:
        new_ids = await house.object_ids.take("user", len(signups))
    except NoIds as error:
        raise StoreAway("no ids can be had") from error
    claims = [Claim(signup.event_id, user_id, _names(signup)) for signup, user_id in zip(signups, new_ids, strict=True)]
    handles = [signup.asked.handle for signup in signups if signup.asked]
    for signup, outcome in zip(signups, await house.reservations.reserve(claims, handles), strict=True):
        match outcome:
            case Granted(user_id):
                signup.user_id, signup.status = user_id, "created"
            case Taken(kind):
                signup.status = "conflict"
                signup.rejected = Rejected(Code.CONFLICT, f"this {kind} is taken", kind)


def _names(signup: Signup) -> tuple[tuple[str, str], ...]:
    assert signup.asked is not None
    email = (("email", signup.asked.email.lower()),) if signup.asked.email is not None else ()
    return (("handle", signup.asked.handle.lower()), *email)


async def _publish(house: House, caller: Caller, signups: Sequence[Signup]) -> Positions:
    acks = await house.door.sender.send([_message(signup, caller) for signup in signups])
    highest: dict[tuple[str, int], int] = {}
    for signup, ack in zip(signups, acks, strict=True):
        if ack.error is not None:
            signup.status, signup.rejected = "retry", LOG_AWAY
            continue
        place = (_VERB.topic.name, ack.partition)
        highest[place] = max(highest.get(place, -1), ack.offset)
        signup.user = {**_fields(signup), "created_at": times.short_time(caller.now)}
    metrics.EVENTS_ACCEPTED.at(_VERB.name).inc(sum(ack.error is None for ack in acks))
    return Positions(highest)


def _fields(signup: Signup) -> dict[str, object]:
    """The new user's own fields. The uuid is the event's: a repeat names the same."""
    asked = signup.asked
    assert asked is not None
    return {"id": signup.user_id, "handle": asked.handle, "uuid": str(signup.event_id)} | {
        "name": asked.name,
        "email": asked.email,
        "college": asked.college,
    }


def _message(signup: Signup, caller: Caller) -> Message:
    user = {name: value for name, value in _fields(signup).items() if value is not None}
    value = {"actor_id": signup.user_id, "object": {"type": "user", **user}}
    event_id = str(signup.event_id)
    record_headers = {
        headers.CE_SPECVERSION: "1.0",
        headers.CE_ID: event_id,
        headers.CE_SOURCE: SOURCE,
        headers.CE_TYPE: _VERB.type,
        headers.CE_TIME: times.format_time(caller.now),
        headers.EVENT_ID: event_id,
        headers.TRACEPARENT: caller.traceparent,
    }
    return (
        _VERB.topic.name,
        str(signup.user_id),
        json.dumps(value, ensure_ascii=False).encode(),
        list(record_headers.items()),
    )


async def _read_back(house: House, signups: Sequence[Signup], positions: Positions) -> None:
    """What the state says of them: a repeat is answered with the first one's fields."""
    if not signups:
        return
    try:
        await house.applied.wait_for(positions, house.settings.wait.own_write_s, acknowledged=True)
        stored = await house.world.users([signup.user_id for signup in signups])
    except (NotYetApplied, Transient):
        return
    for signup in signups:
        user = stored.get(signup.user_id)
        if user is not None:
            signup.user = {**user._asdict(), "created_at": times.short_time(user.created_at)}
            signup.applied = True


def _single(signup: Signup, answer_headers: dict[str, str]) -> Response:
    if signup.status == "created":
        location = {"Location": f"{SOURCE}/{signup.user_id}"}
        return JSONResponse(signup.user, 201 if signup.applied else 202, {**answer_headers, **location})
    rejected = signup.rejected
    assert rejected is not None
    kind = {"conflict": Kind.CONFLICT, "retry": Kind.LOG_AWAY}.get(signup.status, Kind.INVALID)
    errors = [FieldError(rejected.field or "body", str(rejected.reason), rejected.detail)]
    raise Problem(kind, f"{rejected.detail[:1].upper()}{rejected.detail[1:]}.", errors, headers=answer_headers)


def _many(signups: Sequence[Signup], answer_headers: dict[str, str]) -> Response:
    results = [{"status": signup.status, "user": signup.user, "error": _error(signup.rejected)} for signup in signups]
    statuses = {signup.status for signup in signups}
    if "retry" in statuses and "created" not in statuses:
        return JSONResponse({"results": results}, 503, {**answer_headers, "Retry-After": str(RETRY_AFTER_S)})
    waiting = any(signup.status == "created" and not signup.applied for signup in signups)
    return JSONResponse({"results": results}, 202 if waiting else 200, answer_headers)


def _error(rejected: Rejected | None) -> dict[str, object] | None:
    if rejected is None:
        return None
    return {"field": rejected.field, "code": str(rejected.reason), "message": rejected.detail}
