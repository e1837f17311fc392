"""`?cursor=&limit=` in, `next` and `Link` out."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request

from feedmill.api.cursor import NEWEST, BadCursor, Key, Positions, Walk, decode, encode
from feedmill.contracts.ids import MAX_ID
from feedmill.runtime.problem import FieldError, Kind, Problem

DEFAULT_LIMIT: Final = 20
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/_.-]+", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,16}", re.ASCII)


class Paging(NamedTuple):
    """The page asked for."""

    walk: Walk
    before: Key
    limit: int
    positions: Positions | None = None
    """Where the walk through the pages began; None on a first page, and where the feed does not mind."""

    def after(self, last: Key | None, positions: Positions | None = None) -> str | None:
        """The cursor that goes on in this walk; None at its end."""
        return None if last is None else encode(self.walk, last, positions)


def paging_in(request: Request, walk: Walk, *, most: int, default: int = DEFAULT_LIMIT) -> Paging:
    """Raises Problem (400) naming the parameter."""
    if not request.scope["query_string"]:
        return Paging(walk, NEWEST, default)
    query = request.query_params
    cursor, limit = query.get("cursor"), query.get("limit")
    try:
        before, positions = (NEWEST, None) if cursor is None else decode(walk, cursor)
    except BadCursor:
        error = FieldError("cursor", "bad_cursor", "not a cursor of this list")
        raise Problem(Kind.BAD_CURSOR, "Take cursors from this list's own `next` or Link header.", [error]) from None
    return Paging(walk, before, default if limit is None else _number(limit, "limit", most), positions)


def id_in(request: Request, name: str) -> int:
    """An id out of the path. Raises Problem (400)."""
    return _number(request.path_params[name], name, MAX_ID)


def name_in(request: Request, name: str, most_chars: int) -> str:
    """A text out of the path. Raises Problem (400) for one too long, or of what no text here holds."""
    text: str = request.path_params[name]
    if 1 <= len(text) <= most_chars and text.isprintable():
        return text
    error = FieldError(name, "out_of_range", f"must be 1 to {most_chars} printable characters")
    raise Problem(Kind.BAD_PARAMETER, f"{name} {error.message}.", [error])


def uuid_in(request: Request, name: str) -> UUID:
    """A uuid out of the path. Raises Problem (400)."""
    return uuid_of(request.path_params[name], name)


def uuid_of(text: str, name: str) -> UUID:
    """Raises Problem (400)."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    error = FieldError(name, "bad_uuid", "must be a uuid")
    raise Problem(Kind.BAD_PARAMETER, f"{name} must be a uuid.", [error])


def _number(text: str, name: str, most: int) -> int:
    number = int(text) if _DECIMAL.fullmatch(text) else 0
    if not 1 <= number <= most:
        error = FieldError(name, "out_of_range", f"must be a whole number from 1 to {most}")
        raise Problem(Kind.BAD_PARAMETER, f"{name} {error.message}.", [error])
    return number


def next_url(request: Request, after: str | None, limit: int | None, **more: str) -> str:
    """Path and query of the page after this cursor; "" at the end. limit: None where the request gave none."""
    if after is None:
        return ""
    path: str = request.scope["path"]
    shown = path if _PLAIN_PATH.fullmatch(path) else request.url.path  # to take a URL apart costs more than the rest
    number = "" if limit is None else f"&limit={limit}"
    others = f"&{urlencode(more)}" if more else ""
    return f"{shown}?cursor={after}{number}{others}"


def link_to_next(request: Request, after: str | None, limit: int, **more: str) -> dict[str, str]:
    """RFC 8288; no header at the end. more: what else the request's query said."""
    url = next_url(request, after, limit, **more)
    return {"Link": f'<{url}>; rel="next"'} if url else {}
