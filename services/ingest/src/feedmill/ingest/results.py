"""What `POST /v1/events` answers, event by event in the order sent, as bytes."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from feedmill.contracts.errors import Rejected

Status = Literal["accepted", "invalid", "retry", "dead-lettered"]


class ObjectName(Struct, frozen=True, gc=False):
    type: str
    id: int


class ErrorOut(Struct, frozen=True, gc=False):
    field: str | None
    code: str
    message: str


class Result(Struct, gc=False):
    """`object` only where it is known to be stored."""

    id: str | None
    event_id: str | None
    status: Status
    applied: bool = False
    position: str | None = None
    object: ObjectName | None = None
    error: ErrorOut | None = None


class Results(Struct, gc=False):
    results: list[Result]


_encode: Final = msgspec.json.Encoder().encode


def encoded(results: list[Result]) -> bytes:
    return _encode(Results(results))


def failed(id: str | None, status: Status, why: Rejected, event_id: str | None = None) -> Result:
    """Invalid or retry, and why."""
    return Result(id, event_id, status, error=ErrorOut(why.field, str(why.reason), why.detail))
