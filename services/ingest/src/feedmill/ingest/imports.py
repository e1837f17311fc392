"""`POST /v1/imports`: a piece of family P's history as CSV; `feedmill import` is for whole files."""

import hashlib
import io
import zlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct

from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.history import (
    DATASET_MAX_CHARS,
    HISTORIES,
    Bad,
    BadHistory,
    Good,
    History,
    event_id_of_line,
    headers_of,
    rows_of,
)
from feedmill.ingest import openapi
from feedmill.ingest.house import House, house_of
from feedmill.ingest.memory import Recent
from feedmill.ingest.requests import body_of, position_headers
from feedmill.ingest.results import ErrorOut
from feedmill.runtime import metrics
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.auth import caller_of_family
from feedmill.runtime.http import positions_in, wait_s_in
from feedmill.runtime.kafka import Message
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import Positions
from feedmill.runtime.problem import RETRY_AFTER_S, FieldError, Kind, Problem

SOURCE: Final = "/v1/imports"
CSV: Final = "text/csv"
GZIP: Final = "application/gzip"
_CONFLICT: Final = Rejected(Code.CONFLICT, "this line of the dataset said something else before", "dataset")
_encode: Final = msgspec.json.Encoder().encode

router: Final = APIRouter(tags=["imports"])


class RejectedLine(Struct):
    """A row that can never be taken."""

    line: int
    error: ErrorOut


class Imported(Struct):
    """What became of the rows. retry: not surely taken; send the same body with the same dataset again.

    dataset_is: what names the events, the `name` that was given or the body's `sha256`, unpacked.
    """

    kind: str
    dataset: str
    dataset_is: Literal["name", "sha256"]
    rows: int
    accepted: int
    retry: int
    applied: bool
    rejected: list[RejectedLine]


@router.post(SOURCE, openapi_extra=openapi.IMPORTS, responses=openapi.IMPORTS_RESPONSES)
async def take_import(request: Request) -> Response:
    """Take rows of readings or of contents' categories. The same body, or the same lines of a named dataset, again
    are the same events: pieces of one file are datasets of their own, or a line says two things (`conflict`)."""
    house = house_of(request)
    trusted = house.settings.trusted_network
    principal = await caller_of_family("P", house.keys, request.headers, trusted_network=trusted)
    if principal.owner != "family:P" and not principal.may("events:write"):
        raise Problem(Kind.FORBIDDEN, "The key needs the scope events:write.")
    history, dataset = _asked(request)
    asked = positions_in(request)
    limits = house.settings.limits
    raw = _unpacked(request, await body_of(request, limits.request_max_bytes), limits.request_max_bytes)
    dataset_is: Literal["name", "sha256"] = "name" if dataset else "sha256"
    dataset = dataset or hashlib.sha256(raw).hexdigest()
    good, bad = _rows(history, raw, limits.request_max_events)
    headers = house.rate.spend(principal.owner, len(good) + len(bad))
    good, conflicting = _agreeing(house.door.seen, history, dataset, good)
    bad += conflicting
    positions, accepted = await _publish(house, history, dataset, good)
    applied = await _wait(house, positions, wait_s_in(request)) if accepted else False
    rejected = [
        RejectedLine(row.line, ErrorOut(row.rejected.field, str(row.rejected.reason), row.rejected.detail))
        for row in sorted(bad, key=lambda row: row.line)
    ]
    retry = len(good) - accepted
    body = Imported(history.name, dataset, dataset_is, len(good) + len(bad), accepted, retry, applied, rejected)
    headers.update(position_headers(asked, positions))
    status = 200 if applied or not good else 202
    if retry and not accepted:
        status, headers["Retry-After"] = 503, str(RETRY_AFTER_S)
    return Response(_encode(body), status, headers, "application/json")


def _asked(request: Request) -> tuple[History, str]:
    query = request.query_params
    history = HISTORIES.get(query.get("kind", ""))
    if history is None:
        raise _bad("kind", "unknown_type", f"must be one of {', '.join(HISTORIES)}")
    dataset = query.get("dataset", "")
    if len(dataset) > DATASET_MAX_CHARS or not (dataset or "x").isprintable():
        raise _bad("dataset", "out_of_range", f"must be a printable text of at most {DATASET_MAX_CHARS} characters")
    return history, dataset


def _bad(name: str, code: str, message: str) -> Problem:
    return Problem(Kind.BAD_PARAMETER, f"{name} {message}.", [FieldError(name, code, message)])


def _unpacked(request: Request, raw: bytes, most: int) -> bytes:
    """Raises Problem 415, 400, 413: what is packed is never unpacked beyond the limit of a body."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == CSV:
        return raw
    if media_type != GZIP:
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"Send {CSV}, or that packed as {GZIP}.")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(raw, most + 1)
    except zlib.error:
        raise Problem(Kind.BAD_REQUEST, "The body is no gzip.") from None
    if len(text) > most:
        raise Problem(Kind.TOO_LARGE, f"The rows must not exceed {most} bytes unpacked.")
    if not unpacker.eof or unpacker.unused_data:
        raise Problem(Kind.BAD_REQUEST, "The body is not one whole gzip member.")
    return text


def _rows(history: History, raw: bytes, most: int) -> tuple[list[Good], list[Bad]]:
    text = raw.decode("utf-8", "surrogateescape")
    good: list[Good] = []
    bad: list[Bad] = []
    try:
        for row in rows_of(history, io.StringIO(text, newline="")):
            (bad if isinstance(row, Bad) else good).append(row)  # type: ignore[arg-type]
            if len(good) + len(bad) > most:
                raise Problem(Kind.TOO_LARGE, f"A request carries at most {most} rows; `feedmill import` takes files.")
    except BadHistory as error:
        raise Problem(Kind.INVALID, f"The rows cannot be read: {error}.") from None
    return good, bad


def _agreeing(
    seen: Recent[str, int], history: History, dataset: str, rows: Sequence[Good]
) -> tuple[list[Good], list[Bad]]:
    """Those that say what their line of the dataset said before, as far as this door remembers; and the others."""
    good: list[Good] = []
    conflicting: list[Bad] = []
    for row in rows:
        said = hash(row.value)
        known = seen.put_first(_name(history, dataset, row), said)
        if known is None or known == said:
            good.append(row)
        else:
            conflicting.append(Bad(row.line, _CONFLICT, ()))
    return good, conflicting


def _name(history: History, dataset: str, row: Good) -> str:
    """As the door remembers it: a dataset's readings and its contents' categories have the same lines."""
    return f"{history.name} {event_id_of_line(dataset, row.line)}"


async def _publish(house: House, history: History, dataset: str, rows: Sequence[Good]) -> tuple[Positions, int]:
    """Where the log keeps them, and how many it surely does."""
    sender, topic = house.door.sender, history.verb.topic.name
    messages: list[Message] = [(topic, row.key, row.value, headers_of(history, dataset, row.line)) for row in rows]
    highest: dict[tuple[str, int], int] = {}
    accepted = 0
    acks = await sender.send(messages) if sender.available else ()
    for row, ack in zip_longest(rows, acks):
        if ack is None or ack.error is not None:
            house.door.seen.forget(_name(history, dataset, row))  # not surely in the log
            continue
        accepted += 1
        highest[topic, ack.partition] = max(highest.get((topic, ack.partition), -1), ack.offset)
    metrics.EVENTS_ACCEPTED.at(history.verb.name).inc(accepted)
    return Positions(highest), accepted


async def _wait(house: House, positions: Positions, wait_s: float | None) -> bool:
    if wait_s is None or house.door.facts is None:
        return False
    try:
        await house.door.facts.wait_for(positions, wait_s)
    except (NotYetApplied, Transient):
        return False
    return True
