"""`/v1/objects/{type}/{id}` and `/v1/tags/{tag}/feed`: what was posted, for any key."""

from typing import Final

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.cursor import Walk
from feedmill.api.paging import DEFAULT_LIMIT, id_in, link_to_next, name_in, paging_in
from feedmill.api.parts import Parts
from feedmill.api.queries.one_object import one_object
from feedmill.api.queries.tag_feed import tag_feed
from feedmill.api.reading import admitted, answer
from feedmill.api.wire import FeedPage, ObjectShown
from feedmill.contracts.limits import TYPE_NAME_MAX_CHARS
from feedmill.contracts.tags import tag_form
from feedmill.runtime.problem import Kind, Problem

TAG_MAX_CHARS: Final = 100
"""As the enricher keeps them."""
_TYPE: Final = openapi.a_name("type", most_chars=TYPE_NAME_MAX_CHARS, example="post")
_TAG: Final = openapi.a_name("tag", most_chars=TAG_MAX_CHARS, example="feedmill")


def router(parts: Parts) -> APIRouter:
    """Objects with their counters, and the feed of a tag."""
    routes = APIRouter(tags=["objects"])
    most = parts.settings.page_max_items
    paging_parameters = (openapi.CURSOR, openapi.limit(DEFAULT_LIMIT, most))

    @routes.get(
        "/v1/objects/{type}/{id}",
        openapi_extra=openapi.operation(ObjectShown, _TYPE, openapi.an_id("id"), errors=(404,)),
    )
    async def object_(request: Request) -> Response:
        """What was posted, and its counters as the asker sees them."""
        principal, snapshot = await admitted(parts, request)
        kind, id_ = name_in(request, "type", TYPE_NAME_MAX_CHARS), id_in(request, "id")
        authorize(principal, Reading.PUBLIC)
        found = await one_object(parts.postgres, type=kind, id=id_, viewer_id=principal.user_id)
        if found is None:
            raise Problem(Kind.NOT_FOUND, "There is no such object.")
        return answer(request, found, snapshot)

    @routes.get("/v1/tags/{tag}/feed", openapi_extra=openapi.operation(FeedPage, _TAG, *paging_parameters, errors=()))
    async def tagged(request: Request) -> Response:
        """Posts and comments that say #tag, in whatever case, newest first. A tag nobody used has an empty feed."""
        principal, snapshot = await admitted(parts, request)
        tag = tag_form(name_in(request, "tag", TAG_MAX_CHARS).removeprefix("#"))
        authorize(principal, Reading.PUBLIC)
        asked = paging_in(request, Walk.TAG, most=most)
        page = await tag_feed(
            parts.postgres, tag=tag, viewer_id=principal.user_id, before=asked.before, limit=asked.limit
        )
        following = asked.after(page.next)
        return answer(request, FeedPage(page.items, following), snapshot, link_to_next(request, following, asked.limit))

    return routes
