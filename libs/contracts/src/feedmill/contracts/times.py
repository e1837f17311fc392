"""RFC 3339 times with an offset, inside a range that every store holds."""

import re
from datetime import UTC, date, datetime
from typing import Final

from feedmill.contracts.limits import END_YEAR, MIN_YEAR

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CANONICAL_CHARS: Final = len("2026-11-21T10:00:00.123456Z")
EARLIEST: Final = datetime(MIN_YEAR, 1, 1, tzinfo=UTC)
END: Final = datetime(END_YEAR, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> datetime:
    """UTC, cut to microseconds. ValueError: not RFC 3339, without an offset, or outside [1970, 2100)."""
    # The usual forms, `…T10:00:00Z` and with digits behind a point, are told without a regular expression; what else is
    # wrong with a text of this shape fromisoformat refuses.
    shape = text[4:20:3]
    if not (
        (shape == "--T::Z" and len(text) == 20)
        or (shape == "--T::." and text[-1] == "Z" and len(text) in (24, 27) and text.isascii())
        or _RFC3339.fullmatch(text)
    ):
        raise ValueError("must be an RFC 3339 time with an offset, like 2026-11-21T10:00:00Z")
    try:
        moment = datetime.fromisoformat(text if text[-1] == "Z" else text.upper())
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("is no time that a calendar has") from error
    if not MIN_YEAR <= moment.year < END_YEAR:  # the range's ends are new years in UTC
        raise ValueError(f"must lie between {MIN_YEAR} and {END_YEAR - 1}")
    return moment


def parse_date(text: str) -> date:
    """ValueError: not YYYY-MM-DD, no such day, or outside [1970, 2100)."""
    if not _DATE.fullmatch(text):
        raise ValueError("must be a date like 2026-11-21")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("is no day that a calendar has") from error
    if not MIN_YEAR <= day.year < END_YEAR:
        raise ValueError(f"must lie between {MIN_YEAR} and {END_YEAR - 1}")
    return day


def format_time(moment: datetime) -> str:
    """As it travels: `2026-11-21T10:00:00.123456Z`, always six digits, always UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def short_time(moment: datetime) -> str:
    """As answers show it: `format_time` without the zeros at the fraction's end, which is how Postgres writes it."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = moment.isoformat()[:-6]
    return f"{text.rstrip('0') if moment.microsecond else text}Z"


def canonical_time(text: str) -> str:
    """`format_time` of any RFC 3339 time; what has that form already is only checked. ValueError as `parse_time`."""
    if len(text) == _CANONICAL_CHARS and text[4:20:3] == "--T::." and text[-1] == "Z" and text.isascii():
        try:
            if MIN_YEAR <= datetime.fromisoformat(text).year < END_YEAR:
                return text
        except ValueError:
            pass  # parse_time says what is wrong
    return format_time(parse_time(text))
