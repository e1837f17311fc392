"""`POST /v1/users/{user_id}/feed/read` and `…/notifications/read`: how far someone has read, for all their devices."""

from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from feedmill.contracts import ids, strict_json, structs, times
from feedmill.contracts.edge import FeedReadIn
from feedmill.contracts.limits import MAX_AHEAD_S
from feedmill.contracts.strict_json import NotStrictJson
from feedmill.contracts.verbs import VERBS
from feedmill.ingest import openapi
from feedmill.ingest.body import unreadable
from feedmill.ingest.explain import first_error
from feedmill.ingest.house import House, house_of
from feedmill.ingest.own_write import NOBODY, applied, named, published, user_id_in
from feedmill.ingest.prepare import Caller
from feedmill.ingest.repeats import refuse_other_body
from feedmill.ingest.requests import body_of, caller_of, idempotency_key_in, position_headers, position_wait_s
from feedmill.runtime.http import positions_in, wait_s_in
from feedmill.runtime.position import Positions
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.problem import FieldError, Kind, Problem

Feed = Literal["home", "notifications"]
_VERB: Final = VERBS["feed-read"]

router: Final = APIRouter(tags=["feeds"])


@router.post("/v1/users/{user_id}/feed/read", openapi_extra=openapi.FEED_READ, responses=openapi.FEED_READ_RESPONSES)
async def read_home(request: Request) -> Response:
    """The home feed is read (or only seen) up to a time. It only moves on: an earlier time changes nothing."""
    return await _read(request, "home")


@router.post(
    "/v1/users/{user_id}/notifications/read", openapi_extra=openapi.FEED_READ, responses=openapi.FEED_READ_RESPONSES
)
async def read_notifications(request: Request) -> Response:
    """The notifications are read (or only seen) up to a time. It only moves on: an earlier time changes nothing."""
    return await _read(request, "notifications")


async def _read(request: Request, feed: Feed) -> Response:
    house = house_of(request)
    principal = await house.keys.authenticate(request.headers)
    user_id = user_id_in(request)
    if not principal.may_act_for(user_id):
        raise Problem(Kind.FORBIDDEN, "The key may act for its owner only.")
    key, asked = idempotency_key_in(request), positions_in(request)
    raw = await body_of(request, house.settings.limits.event_max_bytes)
    caller = caller_of(principal)
    body = _body_of(raw, caller)
    answer_headers = house.rate.spend(principal.owner, 1)
    if principal.user_id != user_id:
        await _must_exist(house, user_id, asked, position_wait_s(request))
    refuse_other_body(house.requests, (principal.owner, request.url.path, key), raw)
    data = structs.FeedRead(user_id, body.through, feed, body.only_seen)
    event_id, message = named(_VERB, data, caller, request.url.path, key or str(ids.uuid7()))
    position = await published(house, _VERB, message)
    is_applied = await applied(house, position, wait_s_in(request))
    answer_headers.update(position_headers(asked, position))
    shown = {"event_id": event_id, "feed": feed, "through": body.through, "only_seen": body.only_seen}
    return JSONResponse({**shown, "applied": is_applied}, 200 if is_applied else 202, answer_headers)


async def _must_exist(house: House, user_id: int, asked: Positions, wait_s: float) -> None:
    """Of whom a key with events:write speaks; who has a key is somebody. Raises Problem (404), StoreAway."""
    if not house.world.up:
        raise StoreAway("postgres is away")
    if asked:
        await house.applied.wait_for(asked, wait_s)
    if not await house.world.is_user(user_id):
        raise Problem(Kind.NOT_FOUND, NOBODY)


def _body_of(raw: bytes, caller: Caller) -> FeedReadIn:
    try:
        document = strict_json.loads(raw)
    except NotStrictJson as refused:
        raise unreadable(refused.rejected) from None
    rejected = first_error(FeedReadIn, raw, document)
    if rejected is not None:
        error = FieldError(rejected.field or "body", str(rejected.reason), rejected.detail)
        raise Problem(Kind.INVALID, f"{error.field}: {error.message}.", [error])
    body = FeedReadIn.model_validate(document)
    if (times.parse_time(body.through) - caller.now).total_seconds() > MAX_AHEAD_S:
        error = FieldError("through", "too_far_ahead", f"lies more than {MAX_AHEAD_S // 60} minutes ahead")
        raise Problem(Kind.INVALID, f"through {error.message}.", [error])
    return body
