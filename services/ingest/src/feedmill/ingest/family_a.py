"""Family A's writes: `/post`, `/activity`, `/follow`, `/unfollow`, with its own order of checks and its own words.

They behave as if synchronous: judged by Postgres before they are published, answered once what they wrote can be read.
"""

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from feedmill.contracts import ids, strict_json
from feedmill.contracts.edge_structs import FollowIn, ObjectRefIn, OnObjectIn, OnUserIn, PostIn, PostObjectIn, UserRefIn
from feedmill.contracts.envelope import VERB_OF, Event
from feedmill.contracts.errors import Code
from feedmill.contracts.limits import MAX_ID
from feedmill.contracts.strict_json import NotStrictJson
from feedmill.contracts.verbs import type_of
from feedmill.ingest import openapi
from feedmill.ingest.house import House, house_of
from feedmill.ingest.repeats import refuse_other_body
from feedmill.ingest.requests import body_of, caller_of, idempotency_key_in, position_headers, position_wait_s
from feedmill.ingest.results import Result
from feedmill.runtime.auth import Principal
from feedmill.runtime.family_a import FamilyARoute
from feedmill.runtime.http import positions_in
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.problem import Kind, Problem

router: Final = APIRouter(tags=["family A"], route_class=FamilyARoute)

_CLASSES: Final = {verb.name: class_ for class_, verb in VERB_OF.items()}
_OBJECT: Final = re.compile(r"(post|photo):([0-9]{1,19})", re.ASCII)
_RECORDED: Final = "Activity recorded"


class Call:
    """One request: who calls, with what, and what the answer says of positions."""

    def __init__(self, house: House, principal: Principal, request: Request, headers: dict[str, str]) -> None:
        assert principal.user_id is not None
        self.house = house
        self.principal = principal
        self.user_id = principal.user_id
        self.path = request.url.path
        self.asked = positions_in(request)
        self.key = idempotency_key_in(request)
        self.headers = headers

    def event(self, verb: str, data: Any) -> Event:
        return _CLASSES[verb](id=self.key or str(ids.uuid7()), source=self.path, data=data)

    async def already_stored(self, event: Event) -> bool:
        """Whether this is the repeat of a request that was answered: then it gets the same answer."""
        if self.key is None:
            return False
        actor = str(self.user_id)
        type_ = type_of(VERB_OF[type(event)].name)
        event_id = ids.event_id_text(self.principal.owner, event.source, event.id, type_, actor, actor)
        return event_id in await self.house.world.stored([event_id])

    async def record(self, event: Event, answer: dict[str, object]) -> Response:
        """Publish, wait until it can be read, answer. Raises Problem for what cannot be."""
        wait_s = self.house.settings.wait.own_write_s
        taken = await self.house.door.take([event], caller_of(self.principal), wait_s=wait_s)
        result = taken.results[0]
        _raise_unless_accepted(result)
        headers = {**self.headers, **position_headers(self.asked, taken.positions)}
        if not result.applied:
            return JSONResponse({**answer, "event_id": result.event_id}, 202, headers)
        if "object_id" in answer and result.object is not None:
            answer["object_id"] = result.object.id
        return JSONResponse(answer, 200, headers)


def _raise_unless_accepted(result: Result) -> None:
    if result.status == "accepted":
        return
    error = result.error
    if result.status == "dead-lettered" or error is None:
        raise Problem(Kind.INTERNAL, "The event was dead-lettered.")
    if result.status == "retry":
        raise Problem(Kind.LOG_AWAY if error.code == Code.UNAVAILABLE else Kind.STORE_AWAY, error.message)
    kinds = {Code.CONFLICT: Kind.CONFLICT, Code.FORBIDDEN: Kind.FORBIDDEN}
    raise Problem(kinds.get(Code(error.code), Kind.BAD_REQUEST), error.message)


async def _opened(request: Request) -> tuple[Call, Any]:
    """Key, then JSON, then whatever the request must wait for: the order is family A's."""
    house = house_of(request)
    principal = await house.keys.authenticate(request.headers)
    if principal.user_id is None:
        raise Problem(Kind.FORBIDDEN, "Key is not a user's")
    if not _is_json(request.headers.get("content-type", "")):
        raise Problem(Kind.BAD_REQUEST, "Must be json request")
    raw = await body_of(request, house.settings.limits.event_max_bytes)
    try:
        body = strict_json.loads(raw)
    except NotStrictJson:
        raise Problem(Kind.BAD_REQUEST, "Bad Request") from None
    call = Call(house, principal, request, house.rate.spend(principal.owner, 1))
    refuse_other_body(house.requests, (principal.owner, call.path, call.key), raw)
    if not house.world.up:
        raise StoreAway("postgres is away")
    if call.asked:
        await house.applied.wait_for(call.asked, position_wait_s(request))
    return call, body if isinstance(body, dict) else {}


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


_POST: Final = openapi.family_a(
    {"type": {"enum": ["post", "photo"]}, "content": {}}, ["type", "content"], {"type": "post", "content": "Hello"}
)
_ACTIVITY: Final = openapi.family_a(
    {"verb": {"enum": ["like", "share"]}, "object": {"type": "string", "pattern": "^(post|photo):[0-9]+$"}},
    ["verb", "object"],
    {"verb": "like", "object": "post:1"},
)
_FOLLOW: Final = openapi.family_a({"follow": {"type": "string"}}, ["follow"], {"follow": "nico"})
_UNFOLLOW: Final = openapi.family_a({"unfollow": {"type": "string"}}, ["unfollow"], {"unfollow": "nico"})


@router.post("/post", openapi_extra=_POST, responses=openapi.FAMILY_A_RESPONSES)
async def post(request: Request) -> Response:
    """Publish a post or a photo; `content` is any JSON."""
    call, body = await _opened(request)
    type_, content = body.get("type"), body.get("content")
    if type_ not in ("post", "photo"):
        raise Problem(Kind.BAD_REQUEST, "Type is missing or not valid")
    if content is None:
        raise Problem(Kind.BAD_REQUEST, "Content is missing")
    try:
        data = PostIn(actor_id=call.user_id, object=PostObjectIn(type=type_, content=content))
    except ValueError as error:
        raise Problem(Kind.TOO_LARGE, f"Content {str(error).partition(': ')[2] or error}") from None
    answer: dict[str, object] = {"type": type_, "object_id": None, "message": _RECORDED}
    return await call.record(call.event("post", data), answer)


@router.post("/activity", openapi_extra=_ACTIVITY, responses=openapi.FAMILY_A_RESPONSES)
async def activity(request: Request) -> Response:
    """Like or share an object; twice is two activities, and one liker."""
    call, body = await _opened(request)
    verb, object_ = body.get("verb"), body.get("object")
    if verb not in ("like", "share"):
        raise Problem(Kind.BAD_REQUEST, "Verb is missing or wrong verb format")
    match = _OBJECT.fullmatch(object_) if isinstance(object_, str) else None
    if match is None:
        raise Problem(Kind.BAD_REQUEST, "Wrong object format")
    kind, id_ = match[1], int(match[2])
    if not 1 <= id_ <= MAX_ID or not await call.house.world.is_there((kind, id_)):
        raise Problem(Kind.BAD_REQUEST, "Object is not found")
    data = OnObjectIn(actor_id=call.user_id, object=ObjectRefIn(type=kind, id=id_))  # type: ignore[arg-type]
    return await call.record(call.event(verb, data), {"verb": verb, "message": _RECORDED})


@router.post("/follow", openapi_extra=_FOLLOW, responses=openapi.FAMILY_A_RESPONSES)
async def follow(request: Request) -> Response:
    """Follow a user by name. `{"unfollow": …}` sent here is honoured as an unfollow."""
    call, body = await _opened(request)
    if "follow" not in body and "unfollow" in body:
        return await _unfollow(call, body)
    followee_id = await _other_user(call, body.get("follow"), "follow")
    data = FollowIn(actor_id=call.user_id, object=UserRefIn(type="user", id=followee_id))
    event = call.event("follow", data)
    followed: dict[str, object] = {"verb": "follow", "message": "User followed"}
    if await call.already_stored(event):
        return JSONResponse(followed, 200, {**call.headers, **position_headers(call.asked, call.asked)})
    if await call.house.world.follows(call.user_id, followee_id):
        already = {"verb": "follow", "message": "Already followed"}
        return JSONResponse(already, 200, {**call.headers, **position_headers(call.asked, call.asked)})
    return await call.record(event, followed)


@router.post("/unfollow", openapi_extra=_UNFOLLOW, responses=openapi.FAMILY_A_RESPONSES)
async def unfollow(request: Request) -> Response:
    """Unfollow a user by name, also one that was not followed: an activity either way."""
    call, body = await _opened(request)
    return await _unfollow(call, body)


async def _unfollow(call: Call, body: Any) -> Response:
    followee_id = await _other_user(call, body.get("unfollow"), "unfollow")
    data = OnUserIn(actor_id=call.user_id, object=UserRefIn(type="user", id=followee_id))
    return await call.record(call.event("unfollow", data), {"verb": "unfollow", "message": "User unfollowed"})


async def _other_user(call: Call, name: object, verb: str) -> int:
    user_id = await call.house.world.user_id_of(name) if isinstance(name, str) else None
    if user_id is None:
        raise Problem(Kind.BAD_REQUEST, "User not found")
    if user_id == call.user_id:
        raise Problem(Kind.BAD_REQUEST, f"You can't {verb} yourself")
    return user_id
