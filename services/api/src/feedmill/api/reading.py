"""What every read has in common: who asks, how fresh the answer is, and how it is sent."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from fastapi import Request, Response

from feedmill.api.parts import Parts
from feedmill.runtime.applied import Snapshot
from feedmill.runtime.auth import Principal, caller_of_family
from feedmill.runtime.http import DEFAULT_WAIT_S, positions_in, wait_s_in

COMPLETE_THROUGH: Final = "Feedmill-Complete-Through"
SPENT: Final = "feedmill.rate"
"""In a request's scope: the RateLimit headers of its answer."""
encoded: Final = msgspec.json.Encoder().encode
"""An answer's body."""


async def admitted(parts: Parts, request: Request) -> tuple[Principal, Snapshot]:
    """Who asks, and how far the store is, taken before any row is read.

    Waits for the positions the request carries. Raises KeyMissing, KeyNotValid, BadPosition, NotYetApplied, StoreAway,
    and a Problem where the owner has asked too much.
    """
    principal = await parts.keys.authenticate(request.headers)
    request.scope[SPENT] = parts.rate.spend(principal.owner)
    positions = positions_in(request)
    if positions:
        wait_s = wait_s_in(request)
        await parts.applied.wait_for(positions, DEFAULT_WAIT_S if wait_s is None else wait_s)
    return principal, parts.applied.snapshot


async def admitted_to_facts(parts: Parts, request: Request, *, family: str = "") -> tuple[Principal, Snapshot]:
    """As `admitted`, of an answer that reads the warehouse alone.

    family: the letter of one that never had keys, which a trusted network lets in without.
    """
    if family:
        trusted = parts.settings.trusted_network
        principal = await caller_of_family(family, parts.keys, request.headers, trusted_network=trusted)
    else:
        principal = await parts.keys.authenticate(request.headers)
    request.scope[SPENT] = parts.rate.spend(principal.owner)
    positions = positions_in(request)
    if positions:
        wait_s = wait_s_in(request)
        await parts.facts.applied.wait_for(positions, DEFAULT_WAIT_S if wait_s is None else wait_s)
    return principal, parts.facts.applied.snapshot


def answer(
    request: Request,
    content: msgspec.Struct | bytes | Mapping[str, float],
    snapshot: Snapshot,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """200 with an ETag, or 304 where the client has this very answer. `content`: bytes are JSON already."""
    body = content if isinstance(content, bytes) else encoded(content)
    etag = f'"{sha256(body).hexdigest()[:24]}"'
    sent = {COMPLETE_THROUGH: snapshot.complete_through, "ETag": etag, "Cache-Control": "private, no-cache"}
    sent.update(request.scope.get(SPENT, ()))
    if headers:
        sent.update(headers)
    known = request.headers.get("if-none-match")
    if known is not None and _names(known, etag):
        return Response(status_code=304, headers=sent)
    return Response(body, 200, sent, "application/json")


def _names(if_none_match: str, etag: str) -> bool:
    """RFC 9110 §13.1.2: a list of tags, compared weakly, or `*`."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in (etag, "*") for tag in tags)
