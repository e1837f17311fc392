"""`/analytics`: the answers of `/v1/analytics` for eyes. One page, rendered here; nothing is fetched from elsewhere."""

import asyncio
from datetime import date
from html import escape
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from feedmill.api import analytics_wire as wire
from feedmill.api import openapi, rendered
from feedmill.api.authorize import Reading, authorize
from feedmill.api.parts import Parts
from feedmill.api.queries.analytics.active_users import active_users
from feedmill.api.queries.analytics.asking import Asking, Time
from feedmill.api.queries.analytics.categories import categories
from feedmill.api.queries.analytics.entities import top_entities
from feedmill.api.queries.analytics.funnel import funnel
from feedmill.api.queries.analytics.growth import Every, growth
from feedmill.api.queries.analytics.links import top_links
from feedmill.api.queries.analytics.retention import retention
from feedmill.api.queries.analytics.trends import By, fairly, trends
from feedmill.api.reading import COMPLETE_THROUGH, admitted_to_facts
from feedmill.api.rendered import chart, cohorts, figures, section, table
from feedmill.api.timespan import FROM, TO, days_in, now_utc, time_in
from feedmill.runtime.applied import Snapshot
from feedmill.runtime.problem import Kind, Problem, problem_of, problem_response

FAMILY: Final = "S"
SAGAS: Final = ("got", "lotr", "hp")
TOP: Final = 8
WEEKS: Final = 6
MIN_PERCENT: Final = 90.0
HTML: Final = "text/html; charset=utf-8"


def router(parts: Parts) -> APIRouter:
    """The page and its files."""
    routes = APIRouter(tags=["analytics"])

    @routes.get("/analytics", openapi_extra=openapi.page(FROM, TO))
    async def page(request: Request) -> Response:
        """Needs what `/v1/analytics` needs; without it a browser is asked for a key."""
        try:
            snapshot = await admitted(request)
            first, last = days_in(request, most=parts.settings.analytics.days_max)
            asking = Asking(parts.facts.clickhouse, parts.settings.analytics)
            sections = await _sections(asking, time_in(request), first, last)
        except Exception as error:  # noqa: BLE001 (problem_of logs what nobody expected)
            return _refused(request, problem_of(error))
        foot = f"Everything acknowledged before {snapshot.complete_through} is in it."
        headers = {COMPLETE_THROUGH: snapshot.complete_through, "Content-Security-Policy": rendered.POLICY}
        headers["Cache-Control"] = "private, no-cache"
        return Response(rendered.page(first, last, sections, foot), 200, headers, HTML)

    async def admitted(request: Request) -> Snapshot:
        principal, snapshot = await admitted_to_facts(parts, request, family=FAMILY)
        authorize(principal, Reading.FACTS)
        return snapshot

    @routes.get("/analytics/{name}", openapi_extra=openapi.file("name", rendered.ASSETS))
    async def file(name: str) -> Response:
        """The page's own style and script, and uPlot's; no key."""
        media_type = rendered.ASSETS.get(name)
        if media_type is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=3600"}
        return FileResponse(rendered.FOLDER / name, media_type=media_type, headers=headers)

    return routes


_SummedUp = tuple[list[wire.ActiveUsersOfDay], list[wire.GrowthOf], wire.Categories]


async def _sections(asking: Asking, time: Time, first: date, last: date) -> list[str]:
    """All questions at once; ClickHouse is asked by as many threads as the settings say."""
    (active, grown, read), others = await asyncio.gather(
        _summed_up(asking, first, last),
        asyncio.gather(
            _retention(asking, first, last),
            _funnel(asking, time),
            _links(asking, time),
            _tags(asking, time),
            *(_saga(asking, saga, time) for saga in SAGAS),
        ),
    )
    summary: dict[str, int | None] = {
        "activities": sum(row.activities for row in grown),
        "posts": sum(row.posts for row in grown),
        "new users": sum(row.new_users for row in grown),
        "active in the last 30 days": active[-1].monthly if active else None,
        "readings beyond 90 %": read.readings,
    }
    shares = table(("category", "readings", "share"), [(row.category, row.readings, row.share) for row in read.items])
    charts = [_active_users(active), _growth([row.day for row in active], grown)]
    return [figures(summary), *charts, *others, section("Categories read", shares)]


async def _summed_up(asking: Asking, first: date, last: date) -> _SummedUp:
    return await asyncio.gather(
        active_users(asking, first, last),
        growth(asking, Every.DAY, first, last),
        categories(asking, first, last, MIN_PERCENT, TOP),
    )


def _active_users(rows: list[wire.ActiveUsersOfDay]) -> str:
    lines = {
        "daily": [row.daily for row in rows],
        "weekly": [row.weekly for row in rows],
        "monthly": [row.monthly for row in rows],
    }
    return section(
        "Active users", chart("users", [row.day for row in rows], lines), "a day, a week, a month", wide=True
    )


def _growth(days: list[date], rows: list[wire.GrowthOf]) -> str:
    """Days without a row had nothing."""
    of_day = {row.begin: row for row in rows}
    every = [of_day.get(day) or wire.GrowthOf(day, 0, 0, 0, 0) for day in days]
    lines = {
        "activities": [row.activities for row in every],
        "posts": [row.posts for row in every],
        "new users": [row.new_users for row in every],
    }
    return section("What happens", chart("growth", days, lines), "a day", wide=True)


async def _retention(asking: Asking, first: date, last: date) -> str:
    rows = await retention(asking, first, last, WEEKS)
    return section("Retention", cohorts(rows, WEEKS), "share active again k weeks later", wide=True)


async def _funnel(asking: Asking, time: Time) -> str:
    return section("Saw, liked, shared", rendered.funnel(*await funnel(asking, time)))


async def _links(asking: Asking, time: Time) -> str:
    rows = [(row.url, row.posts, row.likes, row.shares) for row in await top_links(asking, time, TOP)]
    return section("Links", table(("page", "posts", "likes", "shares"), rows))


async def _tags(asking: Asking, time: Time) -> str:
    fair = fairly(By.TAG, time, now_utc())
    rows = [(f"#{row.name}", row.now, row.before, row.change) for row in await trends(asking, By.TAG, fair, TOP)]
    return section("Tags", table(("tag", "now", "before", "change"), rows), "against as much time before")


async def _saga(asking: Asking, saga: str, time: Time) -> str:
    found = await top_entities(asking, saga, time, TOP)
    rows = [(row.name, row.total_entity_occurrences, row.total_readers) for row in found]
    note = "an article's readers count for each entity it names"
    return section(f"Entities: {saga}", table(("entity", "named", "readers"), rows), note)


def _refused(request: Request, problem: Problem) -> Response:
    """A browser gets a page that says what is wrong, and where a key would help asks for one."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem_response(problem)
    shown = [section(problem.kind.title, f"<p>{escape(problem.detail)}</p>", wide=True)]
    if problem.kind in (Kind.KEY_MISSING, Kind.KEY_NOT_VALID, Kind.FORBIDDEN):
        shown = [rendered.ASK_FOR_A_KEY]
    first, last = rendered.today()
    headers = problem.answer_headers | {"Content-Security-Policy": rendered.POLICY}
    return Response(rendered.page(first, last, shown, ""), problem.kind.status, headers, HTML)
