"""A request's body: read up to a limit, and as one JSON document."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from feedmill.contracts import strict_json
from feedmill.contracts.errors import Rejected
from feedmill.contracts.strict_json import NotStrictJson
from feedmill.runtime.problem import FieldError, Kind, Problem


async def body_of(request: Request, max_bytes: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The whole body. Raises Problem 413 before reading on, and 415 where it is compressed.

    `headers`: the request's by lower-case name, for who has them at hand. Usually the body has come with its head, so
    it is asked for without the layers of `Request.stream`.
    """
    headers = request.headers if headers is None else headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, not compressed.")
    declared = headers.get("content-length")
    if declared is not None and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size, more, receive = 0, True, request.receive
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def json_in(raw: bytes) -> Any:
    """Strict JSON. Raises Problem 400 where it is none."""
    try:
        return strict_json.loads(raw)
    except NotStrictJson as refused:
        raise unreadable(refused.rejected) from None


def unreadable(rejected: Rejected) -> Problem:
    """The body as a whole cannot be read."""
    error = FieldError(rejected.field or "body", rejected.reason, rejected.detail)
    return Problem(Kind.BAD_REQUEST, f"The body cannot be read: {rejected.detail}.", [error])


def _too_large(max_bytes: int) -> Problem:
    return Problem(Kind.TOO_LARGE, f"A request carries at most {max_bytes} bytes.")
