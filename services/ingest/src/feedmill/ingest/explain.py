"""Why an event is refused, in stable codes and with the field named; never with the value."""

from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from feedmill.contracts.envelope import EVENT_MODELS
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.verbs import BY_TYPE

_CODES: Final = {
    "missing": Code.MISSING,
    "extra_forbidden": Code.UNKNOWN_FIELD,
    "greater_than": Code.OUT_OF_RANGE,
    "greater_than_equal": Code.OUT_OF_RANGE,
    "less_than": Code.OUT_OF_RANGE,
    "less_than_equal": Code.OUT_OF_RANGE,
    "string_too_short": Code.OUT_OF_RANGE,
    "string_too_long": Code.TOO_LARGE,
    "string_pattern_mismatch": Code.OUT_OF_RANGE,
    "literal_error": Code.OUT_OF_RANGE,
}
_TIME_FIELDS: Final = frozenset({"time", "updated_at"})
_STABLE: Final = frozenset(Code)


def why_refused(value: object, raw: bytes) -> Rejected | None:
    """What is wrong with an event that strict JSON took; None where nothing is. `value` is `raw`, parsed."""
    if not isinstance(value, dict):
        return Rejected(Code.WRONG_TYPE, "an event is a JSON object")
    if "type" not in value:
        return Rejected(Code.MISSING, "Field required", "type")
    type_ = value["type"]
    model = EVENT_MODELS.get(type_) if isinstance(type_, str) else None
    if model is not None:
        return first_error(model, raw, value)
    return _why_no_type(type_)


def first_error(model: type[BaseModel], raw: bytes, value: object) -> Rejected | None:
    """The first thing `model` finds wrong with `raw`, None where it takes it."""
    try:
        model.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        found = [_rejected(detail, value) for detail in details]
        first = found[0]
        either = dict.fromkeys(one.detail for one in found if one.field == first.field)
        return replace(first, detail=", or: ".join(either))  # several of one field: what each kind of it would take
    return None


def _why_no_type(type_: object) -> Rejected:
    if not isinstance(type_, str):
        return Rejected(Code.WRONG_TYPE, "Input should be a valid string", "type")
    if type_ in BY_TYPE:
        return Rejected(Code.USE_ENDPOINT, "this verb has an endpoint of its own", "type")
    name = type_.rpartition(".")[0]
    if any(known.rpartition(".")[0] == name for known in BY_TYPE):
        return Rejected(Code.UNKNOWN_VERSION, "no such version of this verb is known", "type")
    return Rejected(Code.UNKNOWN_TYPE, "no such verb: types are feedmill.<verb>.v1", "type")


def _rejected(detail: Any, value: object) -> Rejected:
    field = _path(detail["loc"], value, missing=detail["type"] == "missing")
    message = str(detail["msg"])
    if detail["type"] != "value_error":
        return Rejected(_CODES.get(detail["type"], Code.WRONG_TYPE), message, field)
    message = message.removeprefix("Value error, ")
    code, colon, words = message.partition(": ")
    if colon and code in _STABLE:
        return Rejected(Code(code), words, field)
    is_time = field is not None and field.rpartition(".")[2] in _TIME_FIELDS
    return Rejected(Code.BAD_TIME if is_time else Code.OUT_OF_RANGE, message, field)


def _path(location: tuple[str | int, ...], value: object, *, missing: bool) -> str | None:
    """A dotted path of the document's own fields; the validator's names of union members are left out."""
    path: list[str] = []
    for part in location:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif not (missing and part == location[-1]):
            break
        path.append(_printable(str(part)))
    return ".".join(path) or None


def _printable(name: str) -> str:
    """A field's name may be the client's own word: short, and one line."""
    return name[:120].encode("unicode_escape").decode("ascii")
