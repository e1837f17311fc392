"""`?as_of=`: a moment of the log that the state has reached, so that its answer is the same whenever it is asked."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request

from feedmill.api import openapi
from feedmill.api.parts import Parts
from feedmill.api.queries.then import NOW, Moment
from feedmill.contracts.times import parse_time
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.runtime.http import DEFAULT_WAIT_S, wait_s_in
from feedmill.runtime.position import BadPosition, Positions
from feedmill.runtime.problem import FieldError, Kind, Problem

AS_OF: Final = openapi.in_query(
    "as_of",
    {"type": "string"},
    "A time (RFC 3339), or positions as Feedmill-Position writes them; by default now. What is not applied by then is"
    " waited for; what is not there yet is 400.",
)


async def moment_in(parts: Parts, request: Request) -> Moment:
    """Waits, as for a position that the request carries, until all that the log had then is applied.

    Raises Problem (400) for what is no moment, or one to come; NotYetApplied, StoreAway.
    """
    text = request.query_params.get("as_of")
    if text is None:
        return NOW
    asked_s = wait_s_in(request)
    wait_s = DEFAULT_WAIT_S if asked_s is None else asked_s
    if text.startswith(ACTIVITY_PUBLISHED.name):
        positions = _positions(text)
        try:
            await parts.applied.wait_for(positions, wait_s)
        except BadPosition:
            raise _bad("past_the_end", "names a position past the end of the log") from None
        return Moment(positions=_by_partition(positions))
    try:
        at = parse_time(text).astimezone(UTC)
    except ValueError:
        raise _no_moment() from None
    if at > datetime.now(UTC) + timedelta(seconds=wait_s):
        raise _bad("in_the_future", "lies in the future")
    await parts.applied.wait_through(at, wait_s)
    return Moment(at=at)


def _positions(text: str) -> Positions:
    try:
        positions = Positions.parse([text]).only([ACTIVITY_PUBLISHED.name])
    except BadPosition:
        raise _no_moment() from None
    if not positions or any(partition >= ACTIVITY_PUBLISHED.partitions for _, partition, _ in positions):
        raise _no_moment()
    return positions


def _by_partition(positions: Positions) -> tuple[int, ...]:
    named = {partition: offset for _, partition, offset in positions}
    return tuple(named.get(partition, -1) for partition in range(ACTIVITY_PUBLISHED.partitions))


def _no_moment() -> Problem:
    return _bad("bad_moment", "must be an RFC 3339 time or positions")


def _bad(code: str, message: str) -> Problem:
    return Problem(Kind.BAD_PARAMETER, f"as_of {message}.", [FieldError("as_of", code, message)])
