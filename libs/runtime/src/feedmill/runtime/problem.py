"""Errors over HTTP as RFC 9457 problem details with a stable `type`; nothing of the input is echoed.

Everything expected that can go wrong in a request ends as a `Problem`; `problem_of()` knows how. A family with an error
shape of its own renders the same Problem its way: see `shaped_route()`.
"""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from feedmill.runtime import logs
from feedmill.runtime.applied import NotYetApplied
from feedmill.runtime.auth import KeyMissing, KeyNotValid
from feedmill.runtime.outcome import Transient
from feedmill.runtime.position import BadPosition

TYPE_PREFIX: Final = "urn:feedmill:problem:"
MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1  # what a client is told where nothing better is known
_MAX_FIELD_CHARS: Final = 120

log = logs.get("feedmill.problem")


class Kind(Enum):
    """slug (the stable end of `type`), status, title. Clients rely on slugs: never change one."""

    BAD_REQUEST = "bad-request", 400, "The request cannot be read"
    BAD_PARAMETER = "bad-parameter", 400, "A parameter cannot be used"
    BAD_CURSOR = "bad-cursor", 400, "The cursor is not one of ours"
    BAD_POSITION = "bad-position", 400, "The position cannot be used"
    KEY_MISSING = "key-missing", 401, "A key is needed"
    KEY_NOT_VALID = "key-not-valid", 401, "The key is not valid"
    FORBIDDEN = "forbidden", 403, "The key may not do this"
    NOT_FOUND = "not-found", 404, "There is no such thing"
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The path does not take this method"
    CONFLICT = "conflict", 409, "It contradicts what is there"
    TOO_LARGE = "too-large", 413, "The request is too large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The content type is not taken here"
    INVALID = "invalid", 422, "The content is not valid"
    TOO_MANY_REQUESTS = "too-many-requests", 429, "Too many requests"
    INTERNAL = "internal", 500, "Something went wrong on our side"
    STORE_AWAY = "store-away", 503, "A store is away"
    LOG_AWAY = "log-away", 503, "The log cannot take it now"
    NOT_YET_APPLIED = "not-yet-applied", 503, "What was asked for is not applied yet"

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @classmethod
    def of_status(cls, status: int) -> "Kind":
        """The general kind of a status; INTERNAL from 500 on, BAD_REQUEST for other client errors."""
        general = {401: cls.KEY_NOT_VALID, 400: cls.BAD_REQUEST, 503: cls.STORE_AWAY}
        first = {kind.status: kind for kind in reversed(cls)} | general
        return first.get(status, cls.INTERNAL if status >= 500 else cls.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `code` is stable, `message` holds nothing of the value."""

    field: str
    code: str
    message: str


@dataclass(slots=True)
class Problem(Exception):
    """Raise it anywhere in a request. `detail` is for people and holds nothing of the input."""

    kind: Kind
    detail: str
    errors: Sequence[FieldError] = ()
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind.slug}: {self.detail}"

    @property
    def answer_headers(self) -> dict[str, str]:
        """The Problem's own headers; Retry-After on every 429 and 503, the challenge on every 401."""
        headers = dict(self.headers)
        if self.retry_after_s is not None or self.kind.status in (429, 503):
            headers["Retry-After"] = str(self.retry_after_s or RETRY_AFTER_S)
        if self.kind.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def problem_response(problem: Problem) -> Response:
    """`application/problem+json`; ASCII, so that no text can break it."""
    body: dict[str, object] = {
        "type": TYPE_PREFIX + problem.kind.slug,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in problem.errors]
    return Response(json.dumps(body), problem.kind.status, problem.answer_headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """The Problem an exception means; INTERNAL (logged) for what nobody expected."""
    match error:
        case Problem():
            return error
        case KeyMissing():
            return Problem(Kind.KEY_MISSING, "Send it as X-App-Key or as Authorization: Bearer.")
        case KeyNotValid():
            return Problem(Kind.KEY_NOT_VALID, "The key is unknown, expired or revoked.")
        case BadPosition():
            return Problem(Kind.BAD_POSITION, str(error))
        case NotYetApplied():
            return Problem(Kind.NOT_YET_APPLIED, "It was not applied within the time to wait; ask again.")
        case Transient():
            return Problem(Kind.STORE_AWAY, "A store needed for this is away; try again shortly.")
        case RequestValidationError():
            errors = [_field_error(detail) for detail in error.errors()]
            in_body = any(str(detail["loc"][0]) == "body" for detail in error.errors())
            kind = Kind.INVALID if in_body else Kind.BAD_PARAMETER
            return Problem(kind, f"{errors[0].field}: {errors[0].message}" if errors else kind.title, errors)
        case HTTPException():
            return _of_http_exception(error)
        case ClientDisconnect():
            return Problem(Kind.BAD_REQUEST, "The client went away while sending.")
    log.error("request_failed", exc_info=error)
    return Problem(Kind.INTERNAL, "It is logged; the request may be sent again.")


def _of_http_exception(error: HTTPException) -> Problem:
    kind = Kind.of_status(error.status_code)
    return Problem(kind, kind.title + ".", headers=dict(error.headers or {}))


def _field_error(detail: Mapping[str, Any]) -> FieldError:
    path = ".".join(str(part) for part in detail["loc"][1:]) or str(detail["loc"][0])
    return FieldError(_printable(path), str(detail["type"]), str(detail["msg"]))


def _printable(text: str) -> str:
    """A field's name may be the client's own word: short, and one line."""
    return text[:_MAX_FIELD_CHARS].encode("unicode_escape").decode("ascii")


Render = Callable[[Problem], Response]


async def answer_with_problem(request: Request, error: Exception) -> Response:
    """The exception handler of everything that has no shape of its own, and of a method that a shaped path has not."""
    shape: Render = getattr(request.scope.get("route"), "shape", problem_response)
    return shape(problem_of(error))


def shaped_route(render: Render) -> type[APIRoute]:
    """A route class whose errors, expected or not, are rendered by `render`: `APIRouter(route_class=…)`."""

    class ShapedRoute(APIRoute):
        @staticmethod
        def shape(problem: Problem) -> Response:
            return render(problem)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handler(request)
                except Exception as error:  # noqa: BLE001 (problem_of logs what nobody expected)
                    return render(problem_of(error))

            return answer

    return ShapedRoute
