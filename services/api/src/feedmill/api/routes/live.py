"""`/v1/users/{user_id}/feed/live`: the home feed as it grows, by server-sent events."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.live.hub import Live
from feedmill.api.live.messages import Offsets
from feedmill.api.live.stream import EventStream, Stream
from feedmill.api.paging import id_in
from feedmill.api.parts import Parts
from feedmill.api.queries.profile import exists
from feedmill.api.reading import COMPLETE_THROUGH, admitted
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.runtime.position import BadPosition, Positions
from feedmill.runtime.problem import FieldError, Kind, Problem

LAST_ID: Final = "Last-Event-ID"
RETRY_S: Final = 5


def router(parts: Parts) -> APIRouter:
    """The one stream."""
    routes = APIRouter(tags=["feeds"])

    @routes.get("/v1/users/{user_id}/feed/live", openapi_extra=_operation())
    async def feed_live(request: Request) -> Response:
        """Activities as they are applied (`activity`), `removed` where some are gone by what others did, `read`
        where the reader reads on, `reset` where the feed's make changed: read the first page anew. Each id is a
        position set: send it back as Last-Event-ID and nothing is missed or sent twice; `after` takes the
        Feedmill-Feed-Position of a page. `removed` names `reason` and what is gone: with `delete` every item whose
        object or target is `object`; with `unlike`, `unrecommend` and `disconnect` the likes, recommends and connects
        between `actor` and `object`; with `user-erased` every item of, about, or made by the user `object`."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.HOME_FEED, user_id=user_id)
        last = _last_in(request)
        if not await exists(parts.postgres, user_id):
            raise Problem(Kind.NOT_FOUND, "There is no user with this id.")
        settings = parts.live.settings
        parts.readers.note(user_id)
        stream = Stream(user_id, request.headers, settings.queue_messages, settings.queue_max_bytes)
        told = {COMPLETE_THROUGH: snapshot.complete_through}
        return EventStream(stream, Listening(parts.live, stream, last), told)

    return routes


@dataclass(frozen=True, slots=True)
class Listening:
    """A `Visit`. last: where the client was."""

    live: Live
    stream: Stream
    last: Offsets | None

    def begin(self) -> None:
        if not self.live.open(self.stream):
            raise Problem(Kind.TOO_MANY_REQUESTS, "Too many streams are open.", retry_after_s=RETRY_S)

    async def enter(self) -> None:
        await self.live.enter(self.stream, self.last)

    def leave(self) -> None:
        self.live.leave(self.stream)


def _last_in(request: Request) -> Offsets | None:
    """Where the client was. Raises Problem (400)."""
    text = request.headers.get(LAST_ID) or request.query_params.get("after")
    if not text:
        return None
    try:
        asked = Positions.parse([text]).only([ACTIVITY_PUBLISHED.name])
    except BadPosition:
        error = FieldError(LAST_ID, "bad_position", "not an id of this stream")
        raise Problem(Kind.BAD_POSITION, "Take ids from the stream or from Feedmill-Feed-Position.", [error]) from None
    return {partition: offset for _, partition, offset in asked}


def _operation() -> dict[str, Any]:
    after = {"in": "query", "name": "after", "schema": openapi.POSITION["schema"]}
    last = {"in": "header", "name": LAST_ID, "schema": openapi.POSITION["schema"]}
    return openapi.stream(openapi.an_id("user_id"), after, last)
