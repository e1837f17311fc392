"""Times as answers show them; family A has two forms of its own."""

from datetime import datetime
from typing import Final

from feedmill.contracts.times import short_time

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def shown(at: datetime | None) -> str | None:
    """Null stays null."""
    return None if at is None else short_time(at)


def iso_8601(at: datetime) -> str:
    """`2026-11-21T10:00:00.123456+00:00`; `at` is UTC."""
    return at.isoformat(timespec="microseconds")


def rfc_1123(at: datetime) -> str:
    """`Sat, 21 Nov 2026 10:00:00 GMT`; `at` is UTC. By hand: strftime asks the locale, email.utils is slow."""
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )
