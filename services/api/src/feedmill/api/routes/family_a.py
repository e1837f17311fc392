"""Family A's reads, as its clients know them."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.cursor import NEWEST, Walk
from feedmill.api.first_pages import FRIENDS, Content, Shown
from feedmill.api.paging import Paging, next_url, paging_in
from feedmill.api.parts import Parts
from feedmill.api.queries.activities import Page
from feedmill.api.queries.author_feed import my_feed
from feedmill.api.queries.home_feed import friends_feed
from feedmill.api.queries.me import me
from feedmill.api.reading import admitted, answer, encoded
from feedmill.api.times import iso_8601, rfc_1123
from feedmill.api.wire import FamilyAItem, FriendsFeed, Me, MyFeed
from feedmill.runtime.applied import Snapshot
from feedmill.runtime.auth import Principal
from feedmill.runtime.family_a import FamilyARoute
from feedmill.runtime.http import positions_in
from feedmill.runtime.postgres import Row
from feedmill.runtime.problem import Kind, Problem


def router(parts: Parts) -> APIRouter:
    """/me, /feed/my, /feed/friends; every error in family A's shape."""
    routes = APIRouter(tags=["family A"], route_class=FamilyARoute)
    most = parts.settings.family_a_items
    paging = (openapi.CURSOR, openapi.limit(most, most))

    async def caller(request: Request) -> tuple[Principal, int, Snapshot]:
        principal, snapshot = await admitted(parts, request)
        authorize(principal, Reading.OWN)
        assert principal.user_id is not None
        return principal, principal.user_id, snapshot

    @routes.get("/me", openapi_extra=openapi.operation(Me, errors=(404,), family_a=True))
    async def who_am_i(request: Request) -> Response:
        """The key's owner and whom it follows."""
        principal, user_id, snapshot = await caller(request)
        row = await me(parts.postgres, user_id)
        if row is None:
            raise Problem(Kind.NOT_FOUND, "User not found")
        shown = Me(
            row["id"],
            row["handle"],
            principal.key_echo,
            row["follow_ids"],
            _or_none(row["created_at"]),
            _or_none(row["updated_at"]),
        )
        return answer(request, shown, snapshot)

    @routes.get("/feed/my", openapi_extra=openapi.operation(MyFeed, *paging, errors=(), family_a=True))
    async def my(request: Request) -> Response:
        """The caller's own activities, newest first."""
        _, user_id, snapshot = await caller(request)
        asked = paging_in(request, Walk.OWN, default=most, most=most)
        page = await my_feed(parts.postgres, actor_id=user_id, before=asked.before, limit=asked.limit)
        return answer(request, MyFeed(_items(page, iso_8601), _next_url(request, asked, page)), snapshot)

    @routes.get(
        "/feed/friends", openapi_extra=openapi.operation(FriendsFeed, *paging, errors=(), family_a=True, kept=True)
    )
    async def friends(request: Request) -> Response:
        """The activities of those the caller follows, newest first."""
        _, user_id, snapshot = await caller(request)
        asked = paging_in(request, Walk.FRIENDS, default=most, most=most)
        parts.readers.note(user_id)

        async def read() -> Content:
            page = await friends_feed(parts.postgres, reader_id=user_id, before=asked.before, limit=asked.limit)
            return Content(encoded(FriendsFeed(_items(page, rfc_1123), _next_url(request, asked, page))))

        if parts.first_pages is None or not parts.settings.cache.family_a or asked.before is not NEWEST:
            shown = Shown(await read(), snapshot)
        else:
            limit = asked.limit if "limit" in request.query_params else None  # `next_url` repeats it
            positions = positions_in(request)
            shown = await parts.first_pages.page(FRIENDS, user_id, limit, positions, snapshot, read)
        return answer(request, shown.content.body, shown.snapshot, shown.age)

    return routes


def _items(page: Page[Row], written: Callable[[datetime], str]) -> list[FamilyAItem]:
    items = []
    for _, occurred_at, verb, object_type, object_id, actor_name, target_name, _ in page.items:
        # a follow and the like has no object here: who it is stands in target_name
        shown_id, shown_type = (None, None) if object_type == "user" else (object_id, object_type)
        items.append(FamilyAItem(actor_name, verb, shown_id, shown_type, target_name, written(occurred_at)))
    return items


def _next_url(request: Request, asked: Paging, page: Page[Row]) -> str:
    limit = request.query_params.get("limit")
    return next_url(request, asked.after(page.next), None if limit is None else int(limit))


def _or_none(at: datetime | None) -> str | None:
    return None if at is None else rfc_1123(at)
