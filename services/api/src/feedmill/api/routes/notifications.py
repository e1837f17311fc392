"""`/v1/users/{user_id}/notifications`: what concerns the user, in groups."""

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi, times
from feedmill.api.authorize import Reading, authorize
from feedmill.api.cursor import Walk
from feedmill.api.paging import DEFAULT_LIMIT, id_in, link_to_next, paging_in
from feedmill.api.parts import Parts
from feedmill.api.queries.notices import notices, read_position
from feedmill.api.queries.profile import exists
from feedmill.api.reading import admitted, answer
from feedmill.api.wire import Notices
from feedmill.runtime.problem import Kind, Problem


def router(parts: Parts) -> APIRouter:
    """Notifications."""
    routes = APIRouter(tags=["notifications"])
    most = parts.settings.page_max_items
    parameters = (openapi.an_id("user_id"), openapi.CURSOR, openapi.limit(DEFAULT_LIMIT, most))

    @routes.get(
        "/v1/users/{user_id}/notifications", openapi_extra=openapi.operation(Notices, *parameters, errors=(403, 404))
    )
    async def notifications(request: Request) -> Response:
        """Likes, shares and comments of the user's objects, mentions and follows, grouped, newest first."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.NOTIFICATIONS, user_id=user_id)
        asked = paging_in(request, Walk.NOTIFICATIONS, most=most)
        position = await read_position(parts.postgres, user_id, "notifications")
        items, following = await notices(
            parts.postgres, reader_id=user_id, before=asked.before, limit=asked.limit, position=position
        )
        if not items and not await exists(parts.postgres, user_id):
            raise Problem(Kind.NOT_FOUND, "There is no user with this id.")
        cursor = asked.after(following)
        content = Notices(items, cursor, times.shown(position.seen_through), times.shown(position.read_through))
        return answer(request, content, snapshot, link_to_next(request, cursor, asked.limit))

    return routes
