"""`DELETE /v1/users/{user_id}`: a user is erased, for good. The fact is published, the answer waits for it."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from feedmill.contracts import ids, structs, times
from feedmill.contracts.verbs import VERBS
from feedmill.ingest import openapi
from feedmill.ingest.house import House, house_of
from feedmill.ingest.own_write import NOBODY, applied, named, published, user_id_in
from feedmill.ingest.prepare import Caller
from feedmill.ingest.requests import caller_of, idempotency_key_in, position_headers, position_wait_s
from feedmill.ingest.world import Erasure
from feedmill.runtime.http import positions_in, wait_s_in
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import Positions
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.problem import Kind, Problem

_VERB: Final = VERBS["user-erased"]

router: Final = APIRouter(tags=["users"])


@dataclass(frozen=True, slots=True)
class Answer:
    """position: where the log has the erasure, or this call's redundant one."""

    event_id: str
    erased_at: str
    position: Positions
    applied: bool = True


@router.delete("/v1/users/{user_id}", openapi_extra=openapi.ERASE, responses=openapi.ERASE_RESPONSES)
async def erase_user(request: Request) -> Response:
    """Erase a user for good: with their own key, or with the scope admin. 200 once the state has nothing of their name,
    e-mail and texts. Their keys end, the handle is never given again, the e-mail is free. Asked again, the same."""
    house = house_of(request)
    principal = await house.keys.authenticate(request.headers)
    user_id = user_id_in(request)
    if principal.user_id != user_id and not principal.may("admin"):
        raise Problem(Kind.FORBIDDEN, "Only the user's own key may do this, or one with the scope admin.")
    key, asked = idempotency_key_in(request), positions_in(request)
    answer_headers = house.rate.spend(principal.owner, 1)
    if not house.world.up:
        raise StoreAway("postgres is away")
    if asked:
        await house.applied.wait_for(asked, position_wait_s(request))
    if await house.world.is_user(user_id):
        caller = caller_of(principal)
        answer = await _erase(house, caller, (user_id, request.url.path, key), wait_s_in(request))
    else:
        answer = await _earlier(house, user_id)
    body = {"id": user_id, "event_id": answer.event_id, "erased_at": answer.erased_at, "applied": answer.applied}
    answer_headers.update(position_headers(asked, answer.position))
    return JSONResponse(body, 200 if answer.applied else 202, answer_headers)


async def _erase(house: House, caller: Caller, name: tuple[int, str, str | None], wait_s: float | None) -> Answer:
    """name: whom, the path, the Idempotency-Key. Their keys end here with the log's word, elsewhere with the sink's."""
    user_id, path, key = name
    data = structs.OnUser(actor_id=user_id, object=structs.UserRef(type="user", id=user_id))
    event_id, message = named(_VERB, data, caller, path, key or str(ids.uuid7()))
    position = await published(house, _VERB, message)
    house.keys.end(user_id)
    found = await _read_back(house, user_id) if await applied(house, position, wait_s) else None
    if found is None:
        return Answer(event_id, times.short_time(caller.now), position, applied=False)
    return _answer_of(found, position)  # of two calls at once the first erased


async def _read_back(house: House, user_id: int) -> Erasure | None:
    with suppress(Transient):
        found = await house.world.erasure_of(user_id)
        if found is None:
            raise Problem(Kind.INTERNAL, "The event was dead-lettered.")
        return found
    return None


async def _earlier(house: House, user_id: int) -> Answer:
    """Of one who is gone. Raises Problem (404) for nobody."""
    found = await house.world.erasure_of(user_id)
    if found is None:
        raise Problem(Kind.NOT_FOUND, NOBODY)
    return _answer_of(found, Positions.of(_VERB.topic.name, found.partition, found.offset))


def _answer_of(found: Erasure, position: Positions) -> Answer:
    return Answer(found.event_id, times.short_time(found.erased_at), position)
