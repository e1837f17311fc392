"""What every write of this service reads of its request."""

import re
from datetime import UTC, datetime
from typing import Final

from fastapi import Request

from feedmill.contracts.limits import CE_ID_MAX_CHARS
from feedmill.ingest.prepare import Caller
from feedmill.runtime import trace_context
from feedmill.runtime.auth import Principal
from feedmill.runtime.bodies import body_of as body_of
from feedmill.runtime.http import DEFAULT_WAIT_S, wait_s_in
from feedmill.runtime.position import Positions
from feedmill.runtime.problem import FieldError, Kind, Problem

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_KEY: Final = re.compile(rf"[!-~]{{1,{CE_ID_MAX_CHARS}}}")


def position_wait_s(request: Request) -> float:
    """How long the position a request carries is waited for."""
    asked_s = wait_s_in(request)
    return DEFAULT_WAIT_S if asked_s is None else asked_s


def caller_of(principal: Principal) -> Caller:
    return Caller(principal, datetime.now(UTC), str(trace_context.current()))


def idempotency_key_in(request: Request) -> str | None:
    """Raises Problem 400 for one that cannot be an event's id."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return None
    if _KEY.fullmatch(key):
        return key
    message = f"must be 1 to {CE_ID_MAX_CHARS} visible ASCII characters"
    raise Problem(
        Kind.BAD_PARAMETER,
        f"{IDEMPOTENCY_KEY} {message}.",
        [FieldError(IDEMPOTENCY_KEY, "out_of_range", message)],
    )


def position_headers(asked: Positions, written: Positions) -> dict[str, str]:
    """`Feedmill-Position` of an answer: what the request carried and what it wrote, merged."""
    merged = asked.merge(written) if asked else written
    return {"Feedmill-Position": str(merged)} if merged else {}
