"""OpenAPI out of the wire types: FastAPI knows no msgspec, so schemas and parameters are given to it here."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI

from feedmill.api import analytics_wire, wire
from feedmill.contracts.ids import MAX_ID

_TYPES: Final = (
    wire.FeedPage,
    wire.Notices,
    wire.Why,
    wire.RankedPage,
    wire.AggregatedPage,
    wire.ObjectShown,
    wire.Profile,
    wire.Trace,
    wire.Interests,
    wire.Me,
    wire.MyFeed,
    wire.FriendsFeed,
    wire.FamilyAError,
    wire.Label,
    wire.Classified,
    analytics_wire.TopEntities,
    analytics_wire.TopLinks,
    analytics_wire.TopTags,
    analytics_wire.Trends,
    analytics_wire.ActiveUsers,
    analytics_wire.Retention,
    analytics_wire.Funnel,
    analytics_wire.Categories,
    analytics_wire.Growth,
    wire.ProblemDetails,
)
_, SCHEMAS = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")

_FRESHNESS: Final = {
    "Feedmill-Complete-Through": {
        "description": "Everything acknowledged before this time is in the answer.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "ETag": {"schema": {"type": "string"}},
}
_AGE: Final = {
    "Age": {
        "description": "Seconds since this first page was read; only out of the cache, where that is on.",
        "schema": {"type": "integer"},
    },
}
_RETRY: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}

_PLACE: Final = r"[A-Za-z0-9._-]+/[0-9]{1,6}:[0-9]{1,18}"
"""A list of them may have empty members, as any list in a header."""
POSITION: Final = {
    "name": "Feedmill-Position",
    "in": "header",
    "description": "Answer only once these positions are applied (`topic/partition:offset,…`, as writes answer).",
    "schema": {
        "type": "string",
        "pattern": rf"^[ \t]*({_PLACE})?([ \t]*,[ \t]*({_PLACE})?)*[ \t]*$",
    },
}
PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: how many seconds (0–30) to wait for Feedmill-Position; 5 without it.",
    "schema": {"type": "string"},
}
CURSOR: Final = {
    "name": "cursor",
    "in": "query",
    "description": "Where the page begins: `next` of the page before.",
    "schema": {"type": "string"},
}


def limit(default: int, most: int) -> dict[str, Any]:
    """The parameter `limit`."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": "limit", "in": "query", "schema": schema}


def a_name(name: str, *, most_chars: int, example: str) -> dict[str, Any]:
    """A text in the path."""
    schema = {"type": "string", "minLength": 1, "maxLength": most_chars}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def an_id(name: str) -> dict[str, Any]:
    """An id in the path."""
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": 1}


def a_uuid(name: str) -> dict[str, Any]:
    """A uuid in the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def in_path(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """A parameter of the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def in_query(name: str, schema: Mapping[str, Any], description: str, *, required: bool = False) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


def stream(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a stream of server-sent events."""
    made = operation(wire.ProblemDetails, *parameters, errors=(403, 404, 429))
    del made["responses"]["304"]
    text = {"type": "string"}
    each = {"type": "object", "properties": {"event": text, "id": text, "data": text, "retry": {"type": "integer"}}}
    content = {"text/event-stream": {"schema": each}}
    made["responses"]["200"] = {
        "description": "Events, each as the schema says, until either side ends it.",
        "content": content,
    }
    return made


def operation(
    answer: type[msgspec.Struct] | Mapping[str, Any],
    *parameters: Mapping[str, Any],
    errors: tuple[int, ...],
    family_a: bool = False,
    kept: bool = False,
) -> dict[str, Any]:
    """`openapi_extra` of a read: its parameters and every answer it can give. kept: it may come out of the cache."""
    told = _FRESHNESS | _AGE if kept else _FRESHNESS
    error_content = (
        {"application/json": _ref(wire.FamilyAError)}
        if family_a
        else {"application/problem+json": _ref(wire.ProblemDetails)}
    )
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {"application/json": _ref(answer)}, "headers": told},
        "304": {"description": "The client has this very answer (If-None-Match).", "headers": told},
    }
    for status in sorted({*errors, 400, 401, 429, 503}):
        headers = _RETRY if status in (429, 503) else {}
        responses[str(status)] = {"description": _MEANINGS[status], "content": error_content, "headers": headers}
    return {
        "parameters": [*parameters, POSITION, PREFER],
        "responses": responses,
        "security": [{"AppKey": []}, {"Bearer": []}],
    }


def page(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a page for eyes: HTML to who accepts it, else a problem."""
    html = {"text/html": {"schema": {"type": "string"}}}
    problem = {"application/problem+json": _ref(wire.ProblemDetails)}
    responses: dict[str, Any] = {"200": {"description": "The page.", "content": html}}
    for status in (400, 401, 403, 429, 503):
        responses[str(status)] = {"description": _MEANINGS[status], "content": problem | html}
    return {
        "parameters": [*parameters, POSITION, PREFER],
        "responses": responses,
        "security": [{"AppKey": []}, {"Bearer": []}, {}],
    }


def file(name: str, files: Mapping[str, str]) -> dict[str, Any]:
    """`openapi_extra` of a page's own files; no key."""
    problem = {"application/problem+json": _ref(wire.ProblemDetails)}
    content = {media_type: {"schema": {"type": "string"}} for media_type in files.values()}
    return {
        "parameters": [a_name(name, most_chars=max(map(len, files)), example=min(files))],
        "responses": {
            "200": {"description": "The file.", "content": content},
            "404": {"description": _MEANINGS[404], "content": problem},
        },
        "security": [{}],
    }


def text_body(max_bytes: int) -> dict[str, Any]:
    """The body of a question about a text."""
    text = {"type": "string", "minLength": 1, "pattern": r"\S", "description": f"At most {max_bytes} bytes as UTF-8."}
    schema = {"type": "object", "properties": {"text": text}, "required": ["text"]}
    example = {"text": "Frodo left the Shire with Sam."}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def computation(answer: type[msgspec.Struct], body: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of what is worked out of the request alone: no store, no freshness."""
    problem = {"application/problem+json": _ref(wire.ProblemDetails)}
    responses: dict[str, Any] = {"200": {"description": "OK", "content": {"application/json": _ref(answer)}}}
    for status in (400, 401, 413, 415, 422, 503):
        responses[str(status)] = {"description": _MEANINGS[status], "content": problem}
    return {"requestBody": body, "responses": responses, "security": [{"AppKey": []}, {"Bearer": []}]}


_MEANINGS: Final = {
    400: "A parameter, cursor or position cannot be used.",
    401: "No valid key.",
    403: "The key may not read this.",
    404: "There is no such thing.",
    429: "More than the rate allows, or too many streams are open.",
    413: "The body or the text is too large.",
    415: "The body is compressed.",
    422: "The content is not valid: the field is named.",
    503: "A store is away, or the position is not applied yet.",
}


def _ref(answer: type[msgspec.Struct] | Mapping[str, Any]) -> dict[str, Any]:
    """Of a wire type by its name; another schema as it is."""
    if isinstance(answer, type):
        return {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}}
    return {"schema": answer}


def complete(app: FastAPI) -> None:
    """Add the wire types and the keys to the app's document; it is made once, when first asked for."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            components = document.setdefault("components", {})
            components["schemas"] = dict(SCHEMAS) | components.get("schemas", {})
            components["securitySchemes"] = {
                "AppKey": {"type": "apiKey", "in": "header", "name": "X-App-Key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
