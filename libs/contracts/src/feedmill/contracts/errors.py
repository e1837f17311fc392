"""Poison as a value: why a record or an event can never be taken."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable codes: clients, dead letters, metrics and alerts rely on them."""

    # what the bytes say
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    LONE_SURROGATE = "lone_surrogate"
    NUL = "nul"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    # what the fields say
    MISSING = "missing"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    BAD_TIME = "bad_time"
    TOO_FAR_AHEAD = "too_far_ahead"
    CONTROL_CHARACTER = "control_character"
    SELF_REFERENCE = "self_reference"
    # what the envelope says
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    USE_ENDPOINT = "use_endpoint"
    NO_VALUE = "no_value"
    BAD_ENVELOPE = "bad_envelope"
    WRONG_KEY = "wrong_key"
    # what a store says of a record that all else let pass
    REFUSED_BY_STORE = "refused_by_store"
    # what the key and the world say
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    # not surely taken: to be sent again
    UNAVAILABLE = "unavailable"
    NO_IDS = "no_ids"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A value, not an exception: this can never succeed. `field` is a dotted path like `data.object.id`."""

    reason: str
    detail: str
    field: str | None = None
