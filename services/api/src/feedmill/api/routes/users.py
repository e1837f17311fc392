"""`/v1/users/{user_id}`: the public profile."""

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.paging import id_in
from feedmill.api.parts import Parts
from feedmill.api.queries.profile import profile
from feedmill.api.reading import admitted, answer
from feedmill.api.wire import Profile
from feedmill.runtime.problem import Kind, Problem


def router(parts: Parts) -> APIRouter:
    """Profiles."""
    routes = APIRouter(tags=["users"])

    @routes.get(
        "/v1/users/{user_id}",
        openapi_extra=openapi.operation(Profile, openapi.an_id("user_id"), errors=(404,)),
    )
    async def user(request: Request) -> Response:
        """Who it is, how many follow it, how many it follows, how much it posted, what that got."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.PUBLIC)
        found = await profile(parts.postgres, user_id, principal.user_id)
        if found is None:
            raise Problem(Kind.NOT_FOUND, "There is no user with this id.")
        return answer(request, found, snapshot)

    return routes
