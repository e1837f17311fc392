"""`/v1/analytics`: answers out of the warehouse, with scope analytics:read; bounded in time, memory and length."""

from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request, Response

from feedmill.api import analytics_wire as wire
from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.parts import Parts
from feedmill.api.queries.analytics.active_users import active_users
from feedmill.api.queries.analytics.asking import Asking
from feedmill.api.queries.analytics.categories import categories
from feedmill.api.queries.analytics.entities import top_entities
from feedmill.api.queries.analytics.funnel import funnel
from feedmill.api.queries.analytics.growth import Every, growth
from feedmill.api.queries.analytics.links import top_links
from feedmill.api.queries.analytics.retention import retention
from feedmill.api.queries.analytics.tags import top_tags
from feedmill.api.queries.analytics.trends import By, fairly, trends
from feedmill.api.reading import admitted_to_facts, answer
from feedmill.api.timespan import FROM, TO, bad, days_in, now_utc, time_in, whole_in
from feedmill.runtime.applied import Snapshot

TOP: Final = 8
"""Items without `limit`: what family S's questions gave."""
TREND_DAYS: Final = 7
WEEKS, WEEKS_MAX = 8, 52
MIN_PERCENT: Final = 90
SAGA_MAX_CHARS: Final = 64

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def router(parts: Parts) -> APIRouter:
    """Analytics."""
    routes = APIRouter(prefix="/v1/analytics", tags=["analytics"])
    settings = parts.settings.analytics
    limit = openapi.limit(TOP, settings.items_max)
    saga = openapi.in_path(
        "saga_id", {"type": "string", "minLength": 1, "maxLength": SAGA_MAX_CHARS}, "got, lotr, hp …"
    )

    def asking() -> Asking:
        return Asking(parts.facts.clickhouse, settings)

    async def admitted(request: Request) -> Snapshot:
        principal, snapshot = await admitted_to_facts(parts, request)
        authorize(principal, Reading.FACTS)
        return snapshot

    def most(request: Request) -> int:
        return whole_in(request, "limit", default=TOP, most=settings.items_max)

    @routes.get("/sagas/{saga_id}/entities", openapi_extra=_operation(wire.TopEntities, saga, FROM, TO, limit))
    async def entities(request: Request) -> Response:
        """A saga's entities by occurrences, with the readers of their articles; of all time without from."""
        snapshot, time = await admitted(request), time_in(request, days=None)
        saga_id: str = request.path_params["saga_id"]
        if len(saga_id) > SAGA_MAX_CHARS or "\0" in saga_id:
            raise bad("saga_id", "out_of_range", f"must be a text of 1 to {SAGA_MAX_CHARS} characters")
        items = await top_entities(asking(), saga_id, time, most(request))
        return answer(request, wire.TopEntities(saga_id, time.begin, time.end, items), snapshot)

    @routes.get("/links", openapi_extra=_operation(wire.TopLinks, FROM, TO, limit))
    async def links(request: Request) -> Response:
        """Pages by how often they were posted, liked and shared."""
        snapshot, time = await admitted(request), time_in(request)
        items = await top_links(asking(), time, most(request))
        return answer(request, wire.TopLinks(time.begin, time.end, items), snapshot)

    @routes.get("/tags", openapi_extra=_operation(wire.TopTags, FROM, TO, limit))
    async def tags(request: Request) -> Response:
        """Tags by uses."""
        snapshot, time = await admitted(request), time_in(request)
        items = await top_tags(asking(), time, most(request))
        return answer(request, wire.TopTags(time.begin, time.end, items), snapshot)

    @routes.get("/trends", openapi_extra=_operation(wire.Trends, _choice("by", By, By.TAG), FROM, TO, limit))
    async def trending(request: Request) -> Response:
        """What grew most: the time, up to now, against as much time before it; the last seven days without from."""
        snapshot, by = await admitted(request), _chosen(request, "by", By, By.TAG)
        time = fairly(by, time_in(request, days=TREND_DAYS), now_utc())
        items = await trends(asking(), by, time, most(request))
        return answer(request, wire.Trends(by, time.begin, time.end, items), snapshot)

    @routes.get("/active-users", openapi_extra=_operation(wire.ActiveUsers, FROM, TO))
    async def active(request: Request) -> Response:
        """Users active on each day, in the week and in the month up to it."""
        snapshot = await admitted(request)
        first, last = days_in(request, most=settings.days_max)
        return answer(request, wire.ActiveUsers(await active_users(asking(), first, last)), snapshot)

    @routes.get("/retention", openapi_extra=_operation(wire.Retention, FROM, TO, _whole("weeks", WEEKS, WEEKS_MAX)))
    async def retained(request: Request) -> Response:
        """Of the users first active in each week, how many were so again in the weeks after."""
        snapshot = await admitted(request)
        weeks = whole_in(request, "weeks", default=WEEKS, most=WEEKS_MAX)
        first, last = days_in(request, most=settings.days_max, days=7 * weeks)
        return answer(request, wire.Retention(weeks, await retention(asking(), first, last, weeks)), snapshot)

    @routes.get("/funnel", openapi_extra=_operation(wire.Funnel, FROM, TO))
    async def funnelled(request: Request) -> Response:
        """How many users saw a feed, then liked, then shared."""
        snapshot, time = await admitted(request), time_in(request)
        recorded, steps = await funnel(asking(), time)
        return answer(request, wire.Funnel(time.begin, time.end, recorded, steps), snapshot)

    @routes.get(
        "/categories",
        openapi_extra=_operation(wire.Categories, FROM, TO, _PERCENT, openapi.limit(TOP, settings.items_max)),
    )
    async def shares(request: Request) -> Response:
        """What all readers read, by category."""
        snapshot = await admitted(request)
        first, last = days_in(request, most=settings.days_max)
        percent = _percent(request)
        return answer(request, await categories(asking(), first, last, percent, most(request)), snapshot)

    @routes.get("/growth", openapi_extra=_operation(wire.Growth, _choice("by", Every, Every.DAY), FROM, TO))
    async def grown(request: Request) -> Response:
        """New and all users, posts and activities, by day, week or month."""
        snapshot = await admitted(request)
        every = _chosen(request, "by", Every, Every.DAY)
        first, last = days_in(request, most=settings.days_max)
        return answer(request, wire.Growth(every, await growth(asking(), every, first, last)), snapshot)

    return routes


def _operation(type_: type[Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    return openapi.operation(type_, *parameters, errors=(403,))


def _whole(name: str, default: int, most: int) -> dict[str, Any]:
    return openapi.in_query(
        name, {"type": "integer", "minimum": 1, "maximum": most, "default": default}, f"1 to {most}."
    )


def _choice(name: str, among: type[StrEnum], default: StrEnum) -> dict[str, Any]:
    schema = {"type": "string", "enum": [str(each) for each in among], "default": str(default)}
    return openapi.in_query(name, schema, "What a row stands for.")


_PERCENT: Final = openapi.in_query(
    "min_percent",
    {"type": "number", "minimum": 0, "maximum": 100, "default": MIN_PERCENT},
    "A reading counts where it went strictly beyond.",
)


def _chosen(request: Request, name: str, among: type[ChoiceT], default: ChoiceT) -> ChoiceT:
    text = request.query_params.get(name)
    try:
        return default if text is None else among(text)
    except ValueError:
        raise bad(name, "out_of_range", f"must be one of {', '.join(among)}") from None


def _percent(request: Request) -> float:
    text = request.query_params.get("min_percent")
    try:
        number = float(MIN_PERCENT) if text is None else float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise bad("min_percent", "out_of_range", "must be a number from 0 to 100")
    return number
