"""What all models are made of: one base for the wire, one for the HTTP edge, and the field types both share."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from feedmill.contracts import times
from feedmill.contracts.limits import (
    FOREIGN_ID_MAX_CHARS,
    MAX_ID,
    NAME_MAX_CHARS,
    TITLE_MAX_CHARS,
    TYPE_NAME_MAX_CHARS,
    URL_MAX_CHARS,
)


class Wire(BaseModel):
    """What travels in Kafka: frozen, no coercion ("1" is no integer), tolerant of fields of a later version."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Edge(BaseModel):
    """What a client sends: as on the wire, but a field nobody knows is refused, so that a typo is not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _checked_time(text: str) -> str:
    times.parse_time(text)
    return text


def _checked_date(text: str) -> str:
    times.parse_date(text)
    return text


URL_PATTERN: Final = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f]+$"
NO_CONTROL_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
"""A user's, object's or space's number."""
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=TYPE_NAME_MAX_CHARS)]
"""An object's type. On the wire any short word, so that an old reader takes a new type."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX_CHARS)]
Title = Annotated[str, StringConstraints(max_length=TITLE_MAX_CHARS)]
Url = Annotated[str, StringConstraints(max_length=URL_MAX_CHARS)]
"""On the wire any text: only the edge wants http or https."""
Time = Annotated[str, AfterValidator(_checked_time), Field(json_schema_extra={"format": "date-time"})]
Date = Annotated[str, AfterValidator(_checked_date), Field(json_schema_extra={"format": "date"})]
UuidText = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
ForeignId = (
    Annotated[str, StringConstraints(min_length=1, max_length=FOREIGN_ID_MAX_CHARS)]
    | Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)]
)
"""Family P's ids: its own, text or integer."""
Json = Any
"""Any JSON that `strict_json` takes."""
