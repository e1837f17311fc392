"""A request's body -> events in the order sent, each decoded or refused by itself."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import msgspec

from feedmill.contracts import strict_json
from feedmill.contracts.envelope import ANY_EVENT, Event
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.strict_json import NotStrictJson
from feedmill.ingest.explain import why_refused
from feedmill.ingest.settings import LimitSettings
from feedmill.runtime.bodies import unreadable as unreadable
from feedmill.runtime.problem import Kind, Problem


class Form(Enum):
    """The content types of `POST /v1/events`."""

    JSON = "application/json"
    EVENT = "application/cloudevents+json"
    BATCH = "application/cloudevents-batch+json"
    LINES = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that can never be taken. `id` as the client gave it, where it could be read."""

    id: str | None
    rejected: Rejected


Item = Event | Refused


class _Named(msgspec.Struct):
    """An event, as far as its name goes."""

    id: str | None = None


_EVENT: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(ANY_EVENT)
_EVENTS: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(list[ANY_EVENT])
_encode: Final = msgspec.json.Encoder().encode
_NAMED: Final = msgspec.json.Decoder(_Named)
_SLICES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNREADABLE: Final = frozenset({Code.NOT_JSON, Code.NOT_UTF8, Code.LONE_SURROGATE})
_WHITESPACE: Final = b" \t\r\n"


@lru_cache(maxsize=64)  # few ways to say it
def form_of(content_type: str | None) -> Form:
    """Raises Problem 415: another type, or a charset that is not UTF-8."""
    media_type, _, parameters = (content_type or "").partition(";")
    try:
        form = Form(media_type.strip().lower())
    except ValueError:
        raise _unsupported("Send " + ", ".join(form.value for form in Form) + ".") from None
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise _unsupported("JSON is sent as UTF-8.")
    return form


def events_in(raw: bytes, form: Form, limits: LimitSettings) -> tuple[list[Item], bool]:
    """The events, and whether the body was a single one. Raises Problem where the body as a whole cannot be read."""
    if form is Form.LINES:
        lines = [line for line in raw.split(b"\n") if line.strip(_WHITESPACE)]
        _check_count(len(lines), limits)
        return [event_in(line, limits) for line in lines], False
    is_array = raw.lstrip(_WHITESPACE)[:1] == b"["
    if form is Form.BATCH and not is_array:
        raise Problem(Kind.BAD_REQUEST, "A batch is a JSON array of events.")
    if is_array and form is not Form.EVENT:
        return _events_in_array(raw, limits), False
    item = event_in(raw, limits)
    if isinstance(item, Refused) and item.rejected.reason in _UNREADABLE:
        raise unreadable(item.rejected)
    return [item], True


def event_in(raw: bytes, limits: LimitSettings) -> Item:
    """One event, judged by itself."""
    if len(raw) > limits.event_max_bytes:
        too_large = Rejected(Code.TOO_LARGE, f"an event must not exceed {limits.event_max_bytes} bytes")
        return Refused(_id_in(raw), too_large)
    try:
        event: Event = _EVENT.decode(raw)
        if _names_no_key_twice(raw, event):
            return event
    except _DECODE_ERRORS:
        pass
    return _event_or_why(raw)


def _event_or_why(raw: bytes) -> Item:
    """The long way: a second parser sees what types cannot, and models say what is wrong."""
    try:
        value = strict_json.loads(raw) if strict_json.may_hold_nul(raw) else strict_json.loads_unwalked(raw)
    except NotStrictJson as refused:
        return Refused(_id_in(raw), refused.rejected)
    try:  # numbers and depth are judged by the types
        return _EVENT.decode(raw)  # type: ignore[no-any-return]
    except msgspec.DecodeError as error:
        rejected = why_refused(value, raw) or Rejected(Code.WRONG_TYPE, str(error))
        id_ = value.get("id") if isinstance(value, dict) else None
        return Refused(id_ if isinstance(id_, str) else None, rejected)


def _names_no_key_twice(raw: bytes, decoded: object) -> bool:
    """Told without parsing again; False where it cannot be told so.

    What was decoded, written without all that may be left out, has at most the quotation marks of what was sent, and as
    many only if nothing that was sent has been dropped. `\\u…` could hide one, and is how NUL and lone surrogates come.
    """
    if b"\\" in raw and b"\\u" in raw:  # one byte is found ten times as fast as two
        return False
    return raw.count(b'"') == _encode(decoded).count(b'"')


def _id_in(raw: bytes) -> str | None:
    """What an event calls itself, where that much of it can be read: so its sender knows which one was refused."""
    try:
        return _NAMED.decode(raw).id
    except _DECODE_ERRORS:
        return None


def _events_in_array(raw: bytes, limits: LimitSettings) -> list[Item]:
    """All at once where all is well; else one by one, so that a bad event harms no other."""
    try:
        slices = _SLICES.decode(raw) if len(raw) > limits.event_max_bytes else ()
        if all(len(memoryview(slice_)) <= limits.event_max_bytes for slice_ in slices):
            events: list[Item] = _EVENTS.decode(raw)
            if _names_no_key_twice(raw, events) or not _refused_by_the_second_parser(raw):
                _check_count(len(events), limits)
                return events
    except _DECODE_ERRORS:
        pass
    try:
        slices = _SLICES.decode(raw)
    except _DECODE_ERRORS:
        raise unreadable(strict_json.refusal(raw) or Rejected(Code.NOT_JSON, "must be JSON")) from None
    _check_count(len(slices), limits)
    return [event_in(bytes(slice_), limits) for slice_ in slices]


def _refused_by_the_second_parser(raw: bytes) -> bool:
    try:
        strict_json.loads_unwalked(raw)
    except NotStrictJson:
        return True
    return strict_json.may_hold_nul(raw)


def _check_count(count: int, limits: LimitSettings) -> None:
    if count > limits.request_max_events:
        raise Problem(Kind.TOO_LARGE, f"A request carries at most {limits.request_max_events} events.")


def _unsupported(detail: str) -> Problem:
    return Problem(Kind.UNSUPPORTED_MEDIA_TYPE, detail)
