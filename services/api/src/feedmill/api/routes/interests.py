"""What someone reads: family P's `GET /user_content/`, and the general form with counts."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.authorize import Reading, authorize
from feedmill.api.parts import Parts
from feedmill.api.queries.interests import Question, interests
from feedmill.api.reading import admitted_to_facts, answer
from feedmill.api.wire import Interests
from feedmill.contracts import times
from feedmill.contracts.limits import FOREIGN_ID_MAX_CHARS, MIN_YEAR
from feedmill.runtime.problem import FieldError, Kind, Problem

FAMILY: Final = "P"
WINDOW_DAYS: Final = 15
"""Family P's window: the day asked for and the fourteen before it."""
WINDOW_MAX_DAYS: Final = 366
MIN_PERCENT: Final = 90.0
FIRST_DAY: Final = date(MIN_YEAR, 1, 1)

_SHARES: Final = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
_DAY: Final = {"type": "string", "format": "date"}
_USER: Final = {"type": "string", "minLength": 1, "maxLength": FOREIGN_ID_MAX_CHARS}


def router(parts: Parts) -> APIRouter:
    """Interests."""
    routes = APIRouter(tags=["interests"])

    shares = openapi.operation(
        _SHARES,
        openapi.in_query("user_id", _USER, "Family P's own id.", required=True),
        openapi.in_query("query_date", _DAY, "The last day of the fortnight.", required=True),
        errors=(403,),
    )

    @routes.get("/user_content/", openapi_extra=shares)
    @routes.get("/user_content", openapi_extra=shares)  # its old service sent on who left the slash out
    async def user_content(request: Request) -> Response:
        """Category -> its share of what was read to more than 90 % in the fortnight up to the date; {} for nothing."""
        principal, snapshot = await admitted_to_facts(parts, request, family=FAMILY)
        authorize(principal, Reading.FACTS)
        last = _day(request, "query_date", None)
        found = await interests(parts.facts.clickhouse, _question(_text(request, "user_id"), last))
        return answer(request, {each.category: each.share for each in found.categories}, snapshot)

    @routes.get(
        "/v1/users/{user_id}/interests",
        openapi_extra=openapi.operation(
            Interests,
            openapi.in_path("user_id", _USER, "Family P's own id."),
            openapi.in_query("on", _DAY, "The last day; today (UTC) without it."),
            openapi.in_query(
                "days",
                {"type": "integer", "minimum": 1, "maximum": WINDOW_MAX_DAYS, "default": WINDOW_DAYS},
                "Days of the window, the last one included.",
            ),
            openapi.in_query(
                "min_percent",
                {"type": "number", "minimum": 0, "maximum": 100, "default": MIN_PERCENT},
                "A reading counts where it went strictly beyond.",
            ),
            errors=(403,),
        ),
    )
    async def of_user(request: Request) -> Response:
        """What the user reads, by category, with counts. A reader is none of the feeds' users: any id has an answer."""
        principal, snapshot = await admitted_to_facts(parts, request, family=FAMILY)
        authorize(principal, Reading.FACTS)
        user_id: str = request.path_params["user_id"]
        asked = _question(
            _checked("user_id", user_id),
            _day(request, "on", datetime.now(UTC).date()),
            days=int(_number(request, "days", WINDOW_DAYS, 1, WINDOW_MAX_DAYS, whole=True)),
            min_percent=_number(request, "min_percent", MIN_PERCENT, 0, 100),
        )
        return answer(request, await interests(parts.facts.clickhouse, asked), snapshot)

    return routes


def _question(user_id: str, last: date, *, days: int = WINDOW_DAYS, min_percent: float = MIN_PERCENT) -> Question:
    first = date.fromordinal(max(FIRST_DAY.toordinal(), (last - timedelta(days=days - 1)).toordinal()))
    return Question(user_id, first, last, min_percent)


def _text(request: Request, name: str) -> str:
    return _checked(name, request.query_params.get(name, ""))


def _checked(name: str, text: str) -> str:
    if not 1 <= len(text) <= FOREIGN_ID_MAX_CHARS or "\0" in text:
        raise _bad(name, "out_of_range", f"must be a text of 1 to {FOREIGN_ID_MAX_CHARS} characters")
    return text


def _day(request: Request, name: str, default: date | None) -> date:
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    try:
        return times.parse_date(text or "")
    except ValueError as error:
        raise _bad(name, "bad_date", str(error)) from None


def _number(request: Request, name: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(int(text)) if whole else float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise _bad(name, "out_of_range", f"must be a {'whole ' if whole else ''}number from {least:g} to {most:g}")
    return number


def _bad(name: str, code: str, message: str) -> Problem:
    return Problem(Kind.BAD_PARAMETER, f"{name} {message}.", [FieldError(name, code, message)])
