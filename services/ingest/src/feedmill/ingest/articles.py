"""`POST /v1/articles`: articles as family S's producers write them to the log, one or many.

An article names itself by id and time: whichever way it comes, and however often, it is the same event.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from feedmill.contracts import headers, ids, times
from feedmill.contracts.edge import ArticleIn
from feedmill.contracts.edge_structs import ArticleIn as Article
from feedmill.contracts.envelope import checked_printable
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.verbs import VERBS
from feedmill.ingest import openapi
from feedmill.ingest.door import Taken
from feedmill.ingest.explain import first_error
from feedmill.ingest.house import House, house_of
from feedmill.ingest.memory import Recent
from feedmill.ingest.prepare import Caller
from feedmill.ingest.requests import body_of, caller_of, position_headers
from feedmill.ingest.results import Result, encoded, failed
from feedmill.ingest.sending import LOG_AWAY
from feedmill.ingest.settings import LimitSettings
from feedmill.runtime import metrics
from feedmill.runtime.auth import Principal, caller_of_family
from feedmill.runtime.bodies import json_in
from feedmill.runtime.http import positions_in, wait_s_in
from feedmill.runtime.kafka import Message
from feedmill.runtime.position import Positions
from feedmill.runtime.problem import RETRY_AFTER_S, FieldError, Kind, Problem

SOURCE: Final = "/v1/articles"
_VERB: Final = VERBS["article"]
_JSON: Final = "application/json"
_CONFLICT: Final = Rejected(Code.CONFLICT, "an article of this id and time was sent with another text or readers", "id")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode

router: Final = APIRouter(tags=["articles"])


@dataclass(slots=True)
class Coming:
    """One article on its way in; `message` only while nothing is wrong with it."""

    result: Result
    message: Message | None = None


@router.post(SOURCE, openapi_extra=openapi.ARTICLES, responses=openapi.ARTICLES_RESPONSES)
async def take_articles(request: Request) -> Response:
    """Take one article or an array. A repeat (same id and time) counts once."""
    house = house_of(request)
    trusted = house.settings.trusted_network
    principal = await caller_of_family("S", house.keys, request.headers, trusted_network=trusted)
    _check_may_write(principal)
    asked = positions_in(request)
    raw = await body_of(request, house.settings.limits.request_max_bytes)
    documents, is_single = _documents(raw, house.settings.limits)
    answer_headers = house.rate.spend(principal.owner, len(documents))
    caller = caller_of(principal)
    coming = [_coming(document, caller, house.door.seen, house.settings.limits) for document in documents]
    if is_single and coming[0].message is None:
        raise _refused(coming[0].result, answer_headers)
    positions = await _publish(house, [one for one in coming if one.message is not None])
    answer_headers.update(position_headers(asked, positions))
    taken = _taken([one.result for one in coming], positions)
    wait_s = wait_s_in(request)
    if wait_s is not None and taken.accepted:
        await house.door.wait(taken, wait_s)
    return _answer(taken, answer_headers)


def _check_may_write(principal: Principal) -> None:
    """Articles are no user's: a service's key, or family S where it needs none."""
    if principal.owner != "family:S" and not principal.may("events:write"):
        raise Problem(Kind.FORBIDDEN, "The key needs the scope events:write.")


def _documents(raw: bytes, limits: LimitSettings) -> tuple[list[Any], bool]:
    value = json_in(raw)
    if not isinstance(value, list):
        return [value], True
    if len(value) > limits.request_max_events:
        raise Problem(Kind.TOO_LARGE, f"A request carries at most {limits.request_max_events} articles.")
    return value, False


def _coming(document: Any, caller: Caller, seen: Recent[str, int], limits: LimitSettings) -> Coming:
    raw = json.dumps(document, ensure_ascii=False).encode()
    rejected = _rejected(document, raw, limits)
    if rejected is not None:
        id_ = document.get("id") if isinstance(document, dict) else None
        return Coming(failed(id_ if isinstance(id_, str) else None, "invalid", rejected))
    article = msgspec.json.decode(raw, type=Article)
    event_id = str(ids.event_id_of_article(_VERB.topic.name, article.id, article.time))
    body = _encode(article)
    known = seen.put_first(event_id, hash(body))
    if known is not None:
        metrics.EVENTS_REPEATED.at("yes" if known == hash(body) else "no").inc()
        if known != hash(body):
            return Coming(failed(article.id, "invalid", _CONFLICT))
    return Coming(Result(article.id, event_id, "accepted"), _message(article.id, event_id, body, caller))


def _rejected(document: Any, raw: bytes, limits: LimitSettings) -> Rejected | None:
    if not isinstance(document, dict):
        return Rejected(Code.WRONG_TYPE, "an article is a JSON object")
    if len(raw) > limits.event_max_bytes:
        return Rejected(Code.TOO_LARGE, f"an article must not exceed {limits.event_max_bytes} bytes")
    rejected = first_error(ArticleIn, raw, document)
    if rejected is None:
        try:
            checked_printable(document["id"])  # it stands in a header
        except ValueError as error:
            return Rejected(Code.CONTROL_CHARACTER, str(error).partition(": ")[2], "id")
    return rejected


def _message(id_: str, event_id: str, body: bytes, caller: Caller) -> Message:
    record_headers = {
        headers.CE_SPECVERSION: "1.0",
        headers.CE_ID: id_,
        headers.CE_SOURCE: SOURCE,
        headers.CE_TYPE: _VERB.type,
        headers.CE_TIME: times.format_time(caller.now),
        headers.EVENT_ID: event_id,
        headers.TRACEPARENT: caller.traceparent,
    }
    return (_VERB.topic.name, id_, body, list(record_headers.items()))


async def _publish(house: House, coming: Sequence[Coming]) -> Positions:
    sender = house.door.sender
    highest: dict[tuple[str, int], int] = {}
    acks = await sender.send([one.message for one in coming if one.message]) if sender.available else ()
    for one, ack in zip_longest(coming, acks):
        if ack is None or ack.error is not None:
            house.door.seen.forget(one.result.event_id or "")  # not surely in the log: no later one conflicts with it
            one.result = failed(one.result.id, "retry", LOG_AWAY, one.result.event_id)
            metrics.EVENTS_RETRY.at(LOG_AWAY.reason).inc()
            continue
        place = (_VERB.topic.name, ack.partition)
        highest[place] = max(highest.get(place, -1), ack.offset)
        one.result.position = f"{_VERB.topic.name}/{ack.partition}:{ack.offset}"
        metrics.EVENTS_ACCEPTED.at(_VERB.name).inc()
    return Positions(highest)


def _taken(results: list[Result], positions: Positions) -> Taken:
    counted = Counter(result.status for result in results)
    for result in results:
        if result.status == "invalid" and result.error is not None:
            metrics.EVENTS_REFUSED.at(result.error.code).inc()
    return Taken(results, positions, counted["accepted"], counted["retry"])


def _answer(taken: Taken, answer_headers: dict[str, str]) -> Response:
    status = 200 if taken.accepted == taken.applied else 202
    if taken.retried and not taken.positions:
        status = 503
        answer_headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(encoded(taken.results), status, answer_headers, _JSON)


def _refused(result: Result, answer_headers: dict[str, str]) -> Problem:
    error = result.error
    assert error is not None
    metrics.EVENTS_REFUSED.at(error.code).inc()
    kinds = {Code.CONFLICT: Kind.CONFLICT, Code.TOO_LARGE: Kind.TOO_LARGE}
    errors = [FieldError(error.field or "body", error.code, error.message)]
    detail = f"{error.message[:1].upper()}{error.message[1:]}."
    return Problem(kinds.get(Code(error.code), Kind.INVALID), detail, errors, headers=answer_headers)
