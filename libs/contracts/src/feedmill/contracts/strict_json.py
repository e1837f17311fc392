"""JSON as every store can keep it: RFC 8259 without the corners in which readers disagree.

Refused: bytes that are not UTF-8, duplicate keys, NaN and infinities (also 1e400), NUL, lone surrogates, integers
beyond 53 bits, more than 32 levels.
"""

from typing import Final

import jiter

from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.limits import JSON_MAX_DEPTH, MAX_ID

_ESCAPED_NUL: Final = b"\\u0000"
_NUL: Final = Rejected(Code.NUL, "text must not hold the character U+0000")


class NotStrictJson(ValueError):
    """Carries why, as a value."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.detail)
        self.rejected = rejected


def loads(raw: bytes, max_depth: int = JSON_MAX_DEPTH) -> object:
    """Raises NotStrictJson."""
    value = loads_unwalked(raw)
    rejected = walk(value, max_depth=max_depth)
    if rejected is not None:
        raise NotStrictJson(rejected)
    return value


def refusal(raw: bytes, max_depth: int = JSON_MAX_DEPTH) -> Rejected | None:
    """Why `raw` cannot be taken, or None."""
    try:
        loads(raw, max_depth)
    except NotStrictJson as refused:
        return refused.rejected
    return None


def loads_unwalked(raw: bytes) -> object:
    """What the parser itself can judge; numbers, NUL and depth are left to `walk`. Raises NotStrictJson."""
    try:
        return jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys")
    except ValueError as error:
        raise NotStrictJson(_reason(str(error), raw)) from None


def walk(value: object, *, max_depth: int = JSON_MAX_DEPTH) -> Rejected | None:
    """Judge numbers, NUL and depth of a parsed value, without recursion. A scalar has depth 0, `[]` has 1."""
    level: list[object] = [value]
    depth = 0
    while level:
        below: list[object] = []
        for item in level:
            rejected = _judge(item)
            if rejected is not None:
                return rejected
            if isinstance(item, dict):
                if any("\0" in key for key in item):
                    return _NUL
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        depth += any(isinstance(item, dict | list) for item in level)
        if depth > max_depth:
            return Rejected(Code.TOO_DEEP, f"nested deeper than {max_depth} levels")
        level = below
    return None


def may_hold_nul(raw: bytes) -> bool:
    """A quick look that never misses: only escaped can a NUL stand in JSON text."""
    return b"\\" in raw and _ESCAPED_NUL in raw  # the first look costs a tenth of the second


def _judge(item: object) -> Rejected | None:
    if isinstance(item, str):
        return _NUL if "\0" in item else None
    if isinstance(item, int):
        if -MAX_ID <= item <= MAX_ID:
            return None
        return Rejected(Code.NUMBER_OUT_OF_RANGE, "integers must stay within 53 bits")
    if isinstance(item, float) and not -1.8e308 < item < 1.8e308:
        return Rejected(Code.NUMBER_OUT_OF_RANGE, "numbers must fit a 64-bit float")
    return None


def _reason(message: str, raw: bytes) -> Rejected:
    """The parser's words -> a stable code. They name a place and at most a key, never a value."""
    if "duplicate key" in message:
        return Rejected(Code.DUPLICATE_KEY, "an object names the same key twice")
    if "recursion limit" in message:
        return Rejected(Code.TOO_DEEP, f"nested deeper than {JSON_MAX_DEPTH} levels")
    if "number out of range" in message:
        return Rejected(Code.NUMBER_OUT_OF_RANGE, "integers must stay within 53 bits")
    if "surrogate" in message or "hex escape" in message:
        return Rejected(Code.LONE_SURROGATE, "text holds half of a surrogate pair")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Rejected(Code.NOT_UTF8, "must be UTF-8")
    return Rejected(Code.NOT_JSON, f"must be JSON: {message}")
