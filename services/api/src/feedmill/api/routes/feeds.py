"""`/v1` feeds: home (by its owner, or with feeds:read) and author (any key)."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.cursor import NEWEST, Positions, Walk
from feedmill.api.first_pages import HOME, Content, Shown
from feedmill.api.live.messages import id_of
from feedmill.api.moment import AS_OF, moment_in
from feedmill.api.paging import DEFAULT_LIMIT, Paging, id_in, link_to_next, paging_in
from feedmill.api.parts import Parts
from feedmill.api.queries.activities import Page
from feedmill.api.queries.aggregated_feed import WINDOWS_S, Asked, aggregated_feed
from feedmill.api.queries.author_feed import author_feed
from feedmill.api.queries.feed_then import feed_then
from feedmill.api.queries.home_feed import home_feed
from feedmill.api.queries.profile import exists
from feedmill.api.queries.ranked_feed import ranked_feed
from feedmill.api.queries.then import Moment
from feedmill.api.reading import admitted, answer
from feedmill.api.wire import AggregatedPage, FeedItem, FeedPage
from feedmill.runtime.applied import Snapshot
from feedmill.runtime.http import positions_in
from feedmill.runtime.problem import FieldError, Kind, Problem

_RANK: Final = openapi.in_query("rank", {"enum": ["hot"]}, "`hot`: by what it got, halving with age; see `score`.")
_BY: Final = openapi.in_query("by", {"enum": ["object", "actor"], "default": "object"}, "What makes a group.")
_WINDOW: Final = openapi.in_query("window", {"enum": ["hour", "day"], "default": "hour"}, "How long a group's time is.")
FEED_POSITION: Final = "Feedmill-Feed-Position"
"""The positions this walk through the pages stays at: what the stream takes as `after`."""


def _place_of(positions: Positions) -> str:
    return id_of({number: offset for number, offset in enumerate(positions) if offset is not None})


def _one_of(request: Request, name: str, known: tuple[str, ...]) -> str:
    """The first is the default. Raises Problem (400)."""
    value = request.query_params.get(name, known[0])
    if value not in known:
        error = FieldError(name, "unknown", f"must be one of {', '.join(known)}")
        raise Problem(Kind.BAD_PARAMETER, f"{name} {error.message}.", [error])
    return value


def router(parts: Parts) -> APIRouter:
    """Home and author feeds."""
    routes = APIRouter(tags=["feeds"])
    most = parts.settings.page_max_items
    parameters = (openapi.an_id("user_id"), openapi.CURSOR, openapi.limit(DEFAULT_LIMIT, most))

    @routes.get(
        "/v1/users/{user_id}/feed",
        openapi_extra=openapi.operation(FeedPage, *parameters, AS_OF, _RANK, errors=(403, 404), kept=True),
    )
    async def home(request: Request) -> Response:
        """What those the user follows did, newest first; with `as_of` as it was then."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.HOME_FEED, user_id=user_id)
        if request.scope["query_string"]:
            moment = await moment_in(parts, request)
            ranked = "rank" in request.query_params
            if ranked:
                _one_of(request, "rank", ("hot",))
            if not moment.is_now:
                if ranked:
                    error = FieldError("rank", "with_as_of", "ranks the feed as it is now: leave as_of out")
                    raise Problem(Kind.BAD_PARAMETER, f"rank {error.message}.", [error])
                return await _as_of(request, paging_in(request, Walk.AS_OF, most=most), user_id, moment, snapshot)
            if ranked:
                paging = paging_in(request, Walk.RANKED, most=most)
                parts.readers.note(user_id)
                return await _ranked(request, paging, user_id, snapshot)
        paging = paging_in(request, Walk.HOME, most=most)
        parts.readers.note(user_id)
        read = partial(_home_page, paging, user_id)
        if parts.first_pages is None or paging.before is not NEWEST:
            shown = Shown(await read(), snapshot)
        else:
            asked = positions_in(request)
            shown = await parts.first_pages.page(HOME, user_id, paging.limit, asked, snapshot, read)
        content = shown.content
        told = link_to_next(request, content.after, paging.limit) | {FEED_POSITION: content.place} | shown.age
        return answer(request, content.body, shown.snapshot, told)

    async def _home_page(paging: Paging, user_id: int) -> Content:
        page = await home_feed(
            parts.postgres,
            reader_id=user_id,
            before=paging.before,
            limit=paging.limit,
            positions=paging.positions,
            plain=parts.plain,
        )
        if not page.items:
            await _must_exist(user_id)
        after = paging.after(page.next, page.positions)
        following = "null" if after is None else f'"{after}"'
        body = f'{{"items":[{page.items}],"next":{following}}}'.encode()
        return Content(body, after, _place_of(page.positions))

    @routes.get("/v1/users/{user_id}/activities", openapi_extra=openapi.operation(FeedPage, *parameters, errors=(404,)))
    async def author(request: Request) -> Response:
        """What the user did, newest first."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.PUBLIC)
        paging = paging_in(request, Walk.AUTHOR, most=most)
        page = await author_feed(
            parts.postgres,
            actor_id=user_id,
            viewer_id=principal.user_id,
            before=paging.before,
            limit=paging.limit,
        )
        return await _shown(request, page, paging, user_id, snapshot)

    async def _shown(
        request: Request, page: Page[FeedItem], paging: Paging, user_id: int, snapshot: Snapshot
    ) -> Response:
        if not page.items:
            await _must_exist(user_id)
        after = paging.after(page.next)
        return answer(request, FeedPage(page.items, after), snapshot, link_to_next(request, after, paging.limit))

    async def _ranked(request: Request, paging: Paging, user_id: int, snapshot: Snapshot) -> Response:
        page = await ranked_feed(
            parts.postgres,
            parts.settings.rank,
            reader_id=user_id,
            before=paging.before,
            limit=paging.limit,
            positions=paging.positions,
        )
        if not page.items:
            await _must_exist(user_id)
        after = paging.after(page.next, page.positions)
        following = b"null" if after is None else f'"{after}"'.encode()
        body = b'{"items":[%b],"next":%b}' % (b",".join(page.items), following)
        return answer(request, body, snapshot, link_to_next(request, after, paging.limit, rank="hot"))

    @routes.get(
        "/v1/users/{user_id}/feed/aggregated",
        openapi_extra=openapi.operation(AggregatedPage, *parameters, _BY, _WINDOW, errors=(403, 404)),
    )
    async def aggregated(request: Request) -> Response:
        """The home feed in groups: by object or by actor, within windows of an hour or a day; counts are exact."""
        principal, snapshot = await admitted(parts, request)
        user_id = id_in(request, "user_id")
        authorize(principal, Reading.HOME_FEED, user_id=user_id)
        paging = paging_in(request, Walk.AGGREGATED, most=most)
        by, window = _one_of(request, "by", ("object", "actor")), _one_of(request, "window", tuple(WINDOWS_S))
        parts.readers.note(user_id)
        asked = Asked("actor" if by == "actor" else "object", WINDOWS_S[window], parts.settings.rank.aggregated_items)
        page = await aggregated_feed(
            parts.postgres,
            asked,
            reader_id=user_id,
            before=paging.before,
            limit=paging.limit,
            positions=paging.positions,
        )
        if not page.groups:
            await _must_exist(user_id)
        after = paging.after(page.next, page.positions)
        link = link_to_next(request, after, paging.limit, by=by, window=window)
        return answer(request, AggregatedPage(page.groups, after), snapshot, link)

    async def _as_of(request: Request, paging: Paging, user_id: int, moment: Moment, snapshot: Snapshot) -> Response:
        await _must_exist(user_id)
        page = await feed_then(
            parts.postgres, reader_id=user_id, moment=moment, before=paging.before, limit=paging.limit
        )
        after = paging.after(page.next)
        link = link_to_next(request, after, paging.limit, as_of=request.query_params["as_of"])
        return answer(request, FeedPage(page.items, after), snapshot, link)

    async def _must_exist(user_id: int) -> None:
        if not await exists(parts.postgres, user_id):
            raise Problem(Kind.NOT_FOUND, "There is no user with this id.")

    return routes
