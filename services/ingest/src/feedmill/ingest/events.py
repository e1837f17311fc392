"""`POST /v1/events`."""

import json
from typing import Final

from fastapi import APIRouter, Request, Response

from feedmill.contracts.errors import Code
from feedmill.ingest import openapi
from feedmill.ingest.body import events_in, form_of
from feedmill.ingest.door import Refusals, Taken
from feedmill.ingest.house import house_of
from feedmill.ingest.judge import needs_the_world
from feedmill.ingest.requests import body_of, caller_of, position_headers
from feedmill.ingest.results import Result, encoded
from feedmill.runtime.auth import Principal
from feedmill.runtime.http import DEFAULT_WAIT_S, headers_of, positions_in, wait_s_of
from feedmill.runtime.position import HEADER, Positions
from feedmill.runtime.problem import MEDIA_TYPE, RETRY_AFTER_S, TYPE_PREFIX, FieldError, Kind, Problem

JSON: Final = "application/json"
_POSITION: Final = HEADER.lower()
_NOWHERE: Final = Positions()
_YES: Final = frozenset({"true", "1"})


router: Final = APIRouter(tags=["events"])


@router.post("/v1/events", openapi_extra=openapi.EVENTS, responses=openapi.EVENTS_RESPONSES)
async def take_events(request: Request) -> Response:
    """Take one event or many. Each is judged by itself; `accepted` means that the log has it."""
    house, carried = house_of(request), headers_of(request)
    principal = await house.keys.authenticate(carried)
    _check_may_write(principal)
    form = form_of(carried.get("content-type"))
    atomic = _atomic_in(request)
    asked = positions_in(request) if _POSITION in carried else _NOWHERE
    wait_s = wait_s_of(carried.get("prefer"))
    raw = await body_of(request, house.settings.limits.request_max_bytes, carried)
    items, is_single = events_in(raw, form, house.settings.limits)
    headers = house.rate.spend(principal.owner, len(items))
    if asked and needs_the_world(items):
        await house.applied.wait_for(asked, DEFAULT_WAIT_S if wait_s is None else wait_s)
    try:
        taken = await house.door.take(items, caller_of(principal), atomic=atomic, wait_s=wait_s)
    except Refusals as refusals:
        return _all_refused(refusals.results, headers)
    if is_single:
        _forbid(taken.results[0], headers)
    headers.update(position_headers(asked, taken.positions))
    return _answer(taken, headers)


def _check_may_write(principal: Principal) -> None:
    if principal.user_id is None and not principal.may("events:write"):
        raise Problem(Kind.FORBIDDEN, "The key needs the scope events:write.")


def _atomic_in(request: Request) -> bool:
    if not request.scope["query_string"]:
        return False
    value = request.query_params.get("atomic", "false").lower()
    if value in _YES:
        return True
    if value in ("false", "0"):
        return False
    error = FieldError("atomic", "wrong_type", "must be true or false")
    raise Problem(Kind.BAD_PARAMETER, "atomic must be true or false.", [error])


def _answer(taken: Taken, headers: dict[str, str]) -> Response:
    status = 200 if taken.accepted == taken.applied else 202
    if taken.retried and not taken.positions:
        status = 503
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(encoded(taken.results), status, headers, JSON)


def _forbid(result: Result, headers: dict[str, str]) -> None:
    """A single event the key may not send is no result: it is the request that is forbidden."""
    error = result.error
    if result.status == "invalid" and error is not None and error.code == Code.FORBIDDEN:
        errors = [FieldError(error.field or "", error.code, error.message)]
        raise Problem(Kind.FORBIDDEN, f"{error.message.capitalize()}.", errors, headers=headers)


def _all_refused(results: list[Result], headers: dict[str, str]) -> Response:
    """422: a Problem that carries the results, `retry` for those that were valid."""
    problem = {
        "type": TYPE_PREFIX + Kind.INVALID.slug,
        "title": Kind.INVALID.title,
        "status": Kind.INVALID.status,
        "detail": "An event is invalid, so none was taken.",
        **json.loads(encoded(results)),
    }
    return Response(json.dumps(problem), Kind.INVALID.status, headers, MEDIA_TYPE)
