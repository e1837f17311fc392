"""What types cannot say of an event at the edge. ValueErrors, so that pydantic and msgspec both name the field."""

import json
from typing import Any

from feedmill.contracts import strict_json
from feedmill.contracts.limits import CONTENT_MAX_DEPTH, TEXT_MAX_BYTES


def checked_text(text: str) -> str:
    """At most 64 KiB as UTF-8."""
    if len(text) * 4 > TEXT_MAX_BYTES and len(text.encode()) > TEXT_MAX_BYTES:
        raise ValueError(f"too_large: must not exceed {TEXT_MAX_BYTES} bytes")
    return text


def checked_content(content: Any) -> Any:
    """Any JSON but null, at most 64 KiB, that `strict_json` takes."""
    if isinstance(content, str):
        return checked_text(content)
    if content is None:
        raise ValueError("missing: must not be null")
    rejected = strict_json.walk(content, max_depth=CONTENT_MAX_DEPTH)
    if rejected is not None:
        raise ValueError(f"{rejected.reason}: {rejected.detail}")
    if not isinstance(content, int | float):
        checked_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    return content


def refuse_self(actor_id: int, user_id: int) -> None:
    """Nobody follows, blocks or connects to themselves: it would be a wish, not a fact."""
    if actor_id == user_id:
        raise ValueError("self_reference: actor and object must differ")
