"""The CloudEvents envelope at the HTTP edge: a pydantic model to explain and document, a msgspec union for speed."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, Union

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from pydantic import AfterValidator, BaseModel, StringConstraints, create_model

from feedmill.contracts.base import Edge, Time
from feedmill.contracts.limits import CE_ID_MAX_CHARS, SOURCE_MAX_CHARS
from feedmill.contracts.verbs import EDGE_VERBS, Verb

TRACEPARENT_PATTERN: Final = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def checked_printable(text: str) -> str:
    """`id` and `source` stand in Kafka headers and in the name that the event's id is made of, lines apart."""
    if not text.isprintable() and _CONTROL.search(text):
        raise ValueError("control_character: must not hold control characters")
    return text


CeId = Annotated[str, StringConstraints(min_length=1, max_length=CE_ID_MAX_CHARS), AfterValidator(checked_printable)]
CeSource = Annotated[
    str, StringConstraints(min_length=1, max_length=SOURCE_MAX_CHARS), AfterValidator(checked_printable)
]
_Attribute = Annotated[str, StringConstraints(max_length=SOURCE_MAX_CHARS)]


class EnvelopeIn(Edge):
    """What every event says of itself. `type` and `data` are added verb by verb."""

    id: CeId
    source: CeSource
    specversion: Literal["1.0"] = "1.0"
    time: Time | None = None
    datacontenttype: Literal["application/json"] | None = None
    dataschema: _Attribute | None = None
    subject: _Attribute | None = None
    traceparent: Annotated[str, StringConstraints(pattern=TRACEPARENT_PATTERN)] | None = None
    tracestate: _Attribute | None = None


_StructAttribute = Annotated[str, Meta(max_length=SOURCE_MAX_CHARS)]


class Event(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Twin of EnvelopeIn; `time` and the characters of `id` and `source` are checked by who makes the record of it.

    Written again, it has no key that was not read: so the door sees whether one was read twice.
    """

    id: Annotated[str, Meta(min_length=1, max_length=CE_ID_MAX_CHARS)]
    source: Annotated[str, Meta(min_length=1, max_length=SOURCE_MAX_CHARS)]
    specversion: Literal["1.0"] | UnsetType = UNSET
    time: str | None = None
    datacontenttype: Literal["application/json"] | None = None
    dataschema: _StructAttribute | None = None
    subject: _StructAttribute | None = None
    traceparent: Annotated[str, Meta(pattern=TRACEPARENT_PATTERN)] | None = None
    tracestate: _StructAttribute | None = None
    data: Any


EventClass: TypeAlias = type[Event]


def _struct_of(verb: Verb) -> EventClass:
    return msgspec.defstruct(  # type: ignore[return-value]
        f"Event_{verb.name}",
        [("data", verb.edge_struct)],
        bases=(Event,),
        tag=verb.type,
        tag_field="type",
        frozen=True,
        gc=False,
        omit_defaults=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _model_of(verb: Verb) -> type[BaseModel]:
    name = "".join(part.capitalize() for part in verb.name.split("-"))
    fields: dict[str, Any] = {"type": (Literal[verb.type], ...), "data": (verb.edge_model, ...)}
    return create_model(f"{name}Event", __base__=EnvelopeIn, **fields)


EVENT_MODELS: Final[Mapping[str, type[BaseModel]]] = {verb.type: _model_of(verb) for verb in EDGE_VERBS}
"""Type -> model of the whole event as `POST /v1/events` takes it."""
_STRUCTS: Final = {_struct_of(verb): verb for verb in EDGE_VERBS}
VERB_OF: Final[Mapping[EventClass, Verb]] = _STRUCTS
"""Class of a decoded event -> its verb."""

ANY_EVENT: Final[Any] = Union[tuple(_STRUCTS)]  # noqa: UP007
"""For msgspec decoders: the union of all events, told apart by `type`."""
