"""`from` and `to` of an analytical question: days or moments, UTC."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from fastapi import Request

from feedmill.api import openapi
from feedmill.api.queries.analytics.asking import Time
from feedmill.contracts import times
from feedmill.runtime.problem import FieldError, Kind, Problem

DEFAULT_DAYS: Final = 30
_DAY_CHARS: Final = len("2026-11-21")
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MOMENT: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
}
FROM: Final = openapi.in_query("from", _MOMENT, "A day, or a moment; included.")
TO: Final = openapi.in_query("to", _MOMENT, "A day, which is included, or a moment, which is not.")

Now = Callable[[], datetime]


def now_utc() -> datetime:
    return datetime.now(UTC)


def time_in(request: Request, *, days: int | None = DEFAULT_DAYS, now: Now = now_utc) -> Time:
    """Without `to` to the end of today; without `from` so many days, or (None) since ever. Raises Problem 400."""
    end = _moment(request, "to", whole_day=True)
    if end is None:
        end = _midnight(now().date() + timedelta(days=1))
    begin = _moment(request, "from", whole_day=False)
    if begin is None:
        begin = times.EARLIEST if days is None else max(times.EARLIEST, end - timedelta(days=days))
    if not begin < end:
        raise bad("from", "out_of_range", "must lie before to")
    return Time(begin, end)


def days_in(request: Request, *, most: int, days: int = DEFAULT_DAYS, now: Now = now_utc) -> tuple[date, date]:
    """First and last day of a question that answers by the day. Raises Problem 400."""
    first, last = time_in(request, days=min(days, most), now=now).days
    if (last - first).days >= most:
        raise bad("from", "out_of_range", f"must lie less than {most} days before to")
    return first, last


def whole_in(request: Request, name: str, *, default: int, most: int) -> int:
    """A whole number from 1. Raises Problem 400."""
    text = request.query_params.get(name)
    if text is None:
        return min(default, most)
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= number <= most:
        raise bad(name, "out_of_range", f"must be a whole number from 1 to {most}")
    return number


def bad(name: str, code: str, message: str) -> Problem:
    return Problem(Kind.BAD_PARAMETER, f"{name} {message}.", [FieldError(name, code, message)])


def _moment(request: Request, name: str, *, whole_day: bool) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        if len(text) == _DAY_CHARS:
            day = times.parse_date(text)
            return _midnight(day + timedelta(days=1) if whole_day else day)
        return times.parse_time(text.replace(" ", "+")).astimezone(UTC)  # "+" of an offset, unescaped in a URL
    except ValueError as error:
        raise bad(name, "bad_time", str(error)) from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
