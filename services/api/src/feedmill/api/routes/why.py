"""`/v1/users/{user_id}/feed/why`: the proof that an activity is, or is not, in a home feed, now or at a moment."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.moment import AS_OF, moment_in
from feedmill.api.paging import id_in, uuid_of
from feedmill.api.parts import Parts
from feedmill.api.queries.home_items import Ref
from feedmill.api.queries.profile import exists
from feedmill.api.queries.ranked_feed import NOTHING, score_of, terms_of
from feedmill.api.queries.why import why
from feedmill.api.reading import admitted, answer
from feedmill.api.wire import Because, ScoreTerms, Why
from feedmill.contracts.times import parse_time
from feedmill.runtime.problem import Kind, Problem

_ACTIVITY: Final = openapi.in_query(
    "activity", {"type": "string", "format": "uuid"}, "The activity's event_id.", required=True
)


def router(parts: Parts) -> APIRouter:
    """The one question."""
    routes = APIRouter(tags=["feeds"])

    @routes.get(
        "/v1/users/{user_id}/feed/why",
        openapi_extra=openapi.operation(Why, openapi.an_id("user_id"), _ACTIVITY, AS_OF, errors=(403, 404)),
    )
    async def feed_why(request: Request) -> Response:
        """Whether the activity is in the home feed, by which rule, and the events that decide it."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.HOME_FEED, user_id=user_id)
        activity_id = uuid_of(request.query_params.get("activity", ""), "activity")
        moment = await moment_in(parts, request)
        if not await exists(parts.postgres, user_id):
            raise Problem(Kind.NOT_FOUND, "There is no user with this id.")
        found = await why(parts.postgres, reader_id=user_id, activity_id=activity_id, moment=moment)
        if found.in_feed and found.activity is not None and moment.is_now:
            found = msgspec.structs.replace(found, score=await _score(parts, user_id, found.activity))
        return answer(request, found, snapshot)

    return routes


async def _score(parts: Parts, reader_id: int, activity: Because) -> ScoreTerms:
    """As the ranked feed would have it now."""
    thing = None if activity.object is None else Ref(activity.object.type, activity.object.id)
    terms = await terms_of(parts.postgres, [thing], reader_id, None)
    half_life = timedelta(seconds=parts.settings.rank.half_life_s)
    found = NOTHING if thing is None else terms.get((thing.type, thing.id), NOTHING)
    return score_of(found, parse_time(activity.event.occurred_at), datetime.now(UTC), half_life)
