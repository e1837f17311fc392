"""An enriched record's value -> what it says, or why no store can keep it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from feedmill.contracts import strict_json
from feedmill.contracts.errors import Code, Rejected

T = TypeVar("T")

MAX_DEPTH = 64
"""Levels of an enriched value: its content's 32 and a few around them, with room; below what jsonb's parser takes."""


def parsed(value: bytes, decode: Callable[[bytes], T]) -> T | Rejected:
    """`decode`: of a msgspec decoder."""
    if b"\\u" in value:  # escapes hide what no store keeps: NUL and lone surrogates
        refused = strict_json.refusal(value, max_depth=MAX_DEPTH)
        if refused is not None:
            return refused
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        return Rejected(Code.WRONG_TYPE, str(error))
    except msgspec.DecodeError as error:
        return Rejected(Code.NOT_JSON, str(error))
    except UnicodeDecodeError:
        return Rejected(Code.NOT_UTF8, "must be UTF-8")
    except RecursionError:
        return Rejected(Code.TOO_DEEP, "nested too deep")
