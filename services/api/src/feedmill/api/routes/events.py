"""`/v1/events/{event_id}`: where an event is."""

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.paging import uuid_in
from feedmill.api.parts import Parts
from feedmill.api.reading import admitted, answer
from feedmill.api.trace import trace_of
from feedmill.api.wire import Trace


def router(parts: Parts) -> APIRouter:
    """Traces."""
    routes = APIRouter(tags=["events"])

    @routes.get(
        "/v1/events/{event_id}",
        openapi_extra=openapi.operation(Trace, openapi.a_uuid("event_id"), errors=()),
    )
    async def event(request: Request) -> Response:
        """Each hop of the event with its time, or why it stopped. Unknown events are answered 200 `unknown`."""
        principal, snapshot = await admitted(parts, request)
        event_id = uuid_in(request, "event_id")
        authorize(principal, Reading.PUBLIC)
        return answer(request, await trace_of(parts, event_id), snapshot)

    return routes
