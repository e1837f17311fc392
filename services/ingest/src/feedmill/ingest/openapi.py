"""What the document says of bodies that the routes read themselves. Every example runs as it stands."""

from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from feedmill.contracts.edge import ArticleIn, FeedReadIn, NewUserIn
from feedmill.contracts.envelope import EVENT_MODELS
from feedmill.contracts.limits import MAX_ID, USERS_MAX
from feedmill.runtime.problem import MEDIA_TYPE

_REF: Final = "#/components/schemas/{model}"
_EVENT: Final = {"$ref": "#/components/schemas/Event"}
_EVENT_ARRAY: Final = {"type": "array", "items": _EVENT, "maxItems": 10_000}
LIKE: Final = {
    "specversion": "1.0",
    "id": "a1",
    "source": "my-app",
    "type": "feedmill.like.v1",
    "data": {"actor_id": 1, "object": {"type": "photo", "id": 21}},
}
POST: Final = {
    "specversion": "1.0",
    "id": "a2",
    "source": "my-app",
    "type": "feedmill.post.v1",
    "data": {"actor_id": 1, "object": {"type": "post", "content": "Hello @nico, look at #feedmill"}},
}
ARTICLE: Final = {"id": "7", "time": 1_762_000_000, "readers": 1_200, "text": "Frodo left the Shire with Sam Gamgee."}
USER: Final = {"handle": "ada", "name": "Ada Lovelace", "email": "ada@example.org"}

_POSITION: Final = {
    "Feedmill-Position": {"description": "Where what was written is in the log.", "schema": {"type": "string"}}
}
_RETRY: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _problem(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": description, "content": _PROBLEM, **({"headers": headers} if headers else {})}


def _answer(description: str, schema: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content, "headers": {**_POSITION, **(headers or {})}}


Responses = dict[int | str, dict[str, Any]]

_REFUSALS: Final[Responses] = {
    400: _problem("The request as a whole cannot be read."),
    401: _problem("No key, or one that is not valid."),
    403: _problem("The key may not do this."),
    413: _problem("Too many bytes or events."),
    415: _problem("Another content type is sent here."),
    422: _problem("Not valid: the fields are named."),
    429: _problem("More than the rate allows.", _RETRY),
    503: _problem("Nothing was taken, or not surely: send it again with the same id.", _RETRY),
}
EVENTS_RESPONSES: Final[Responses] = {
    **_REFUSALS,
    200: _answer("All that was accepted is applied.", "Results"),
    202: _answer("Accepted, not (yet known to be) applied.", "Results"),
}
USERS_RESPONSES: Final[Responses] = {
    **_REFUSALS,
    200: _answer("An array's results.", "UserResults"),
    201: _answer("Created.", "User"),
    202: _answer("Surely kept, not applied yet.", "UserOrResults"),
    409: _problem("Handle or email is taken, or the Idempotency-Key was used for another body."),
}
ERASE_RESPONSES: Final[Responses] = {
    **{status: _REFUSALS[status] for status in (400, 401, 403, 429, 503)},
    200: _answer("Erased: nobody reads of them any more.", "Erased"),
    202: _answer("Surely kept, not applied yet.", "Erased"),
    404: _problem("There is no user with this id."),
}
ARTICLES_RESPONSES: Final[Responses] = {
    **_REFUSALS,
    200: _answer("All that was accepted is in the warehouse (`Prefer: wait`), or none was valid.", "Results"),
    202: _answer("Kept; the warehouse has them shortly after.", "Results"),
    409: _problem("An article of this id and time was sent with another text or number of readers."),
}
IMPORTS_RESPONSES: Final[Responses] = {
    **_REFUSALS,
    200: _answer("All that was accepted is applied, or no row was valid.", "Imported"),
    202: _answer("Kept, not (yet known to be) applied; `retry` rows are to be sent again.", "Imported"),
}
FEED_READ_RESPONSES: Final[Responses] = {
    **_REFUSALS,
    200: _answer("Kept, and readable.", "FeedRead"),
    202: _answer("Surely kept, not readable yet.", "FeedRead"),
    404: _problem("There is no user with this id."),
    409: _problem("The Idempotency-Key was used for another body."),
}
_FAMILY_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/FamilyAError"}}}
FAMILY_A_RESPONSES: Final[Responses] = {
    200: {"description": "Done, and readable.", "headers": _POSITION},
    202: {"description": "Surely kept, not readable yet.", "headers": _POSITION},
    **{
        status: {"description": description, "content": _FAMILY_ERROR}
        for status, description in {
            400: "Refused; `message` says why.",
            401: "The key is not valid.",
            403: "The key may not do this.",
            409: "The Idempotency-Key was used for another body.",
            413: "Too large.",
            429: "More than the rate allows.",
            500: "Something went wrong on our side.",
            503: "A store is away: try again after Retry-After.",
        }.items()
    },
}


def _parameter(name: str, where: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "required": False, "description": description, "schema": schema}


_IDEMPOTENCY: Final = _parameter(
    "Idempotency-Key",
    "header",
    "A repeat with the same key is the same event.",
    {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
)
_ASKED: Final = _parameter(
    "Feedmill-Position", "header", "Judge by a state that has this.", {"type": "string", "maxLength": 8_192}
)
_PREFER: Final = _parameter("Prefer", "header", "`wait=N`, 0 to 30 seconds.", {"type": "string", "maxLength": 64})
_ATOMIC: Final = _parameter("atomic", "query", "One invalid event refuses all.", {"type": "boolean", "default": False})
_KEY: Final[list[dict[str, list[str]]]] = [{"key": []}, {"bearer": []}]

EVENTS: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [_ATOMIC, _PREFER, _ASKED],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_EVENT, _EVENT_ARRAY]},
                "examples": {
                    "one": {"summary": "One event", "value": LIKE},
                    "many": {"summary": "An array", "value": [LIKE, POST]},
                },
            },
            "application/cloudevents+json": {"schema": _EVENT, "example": LIKE},
            "application/cloudevents-batch+json": {"schema": _EVENT_ARRAY, "example": [LIKE, POST]},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": "one event a line"},
        },
    },
}
_ARTICLE_IN: Final = {"$ref": "#/components/schemas/ArticleIn"}
ARTICLES: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [_PREFER],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_ARTICLE_IN, {"type": "array", "items": _ARTICLE_IN, "maxItems": 10_000}]},
                "examples": {
                    "one": {"summary": "One article", "value": ARTICLE},
                    "many": {"summary": "An array", "value": [ARTICLE, {**ARTICLE, "id": "8"}]},
                },
            }
        },
    },
}
_CSV: Final = "user_id,content_id,read_percent,updated_at\nu1,c1,95.5,2026-11-21\n"
IMPORTS: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [
        _parameter("kind", "query", "What the rows are.", {"type": "string", "enum": ["readings", "content"]})
        | {"required": True},
        _parameter(
            "dataset",
            "query",
            "Names the rows' events together with their lines, so each piece of a file needs its own; by default the"
            " SHA-256 of the unpacked body.",
            {"type": "string", "maxLength": 256},
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": _CSV},
            "application/gzip": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}
_USER_ID: Final = {
    "name": "user_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    "example": 1,
}
FEED_READ: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [_USER_ID, _IDEMPOTENCY, {**_PREFER, "schema": {"type": "string"}}, _ASKED],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/FeedReadIn"},
                "example": {"through": "2026-01-31T10:00:00Z"},
            }
        },
    },
}
ERASE: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [_USER_ID, _IDEMPOTENCY, {**_PREFER, "schema": {"type": "string"}}, _ASKED],
}
_USER_IN: Final = {"$ref": "#/components/schemas/NewUserIn"}
USERS: Final[dict[str, Any]] = {
    "security": _KEY,
    "parameters": [_IDEMPOTENCY],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_USER_IN, {"type": "array", "items": _USER_IN, "maxItems": USERS_MAX}]},
                "examples": {
                    "one": {"summary": "One user", "value": USER},
                    "many": {"summary": "An array", "value": [USER, {"handle": "bob", "name": "Bob"}]},
                },
            }
        },
    },
}


def family_a(properties: dict[str, Any], required: list[str], example: dict[str, Any]) -> dict[str, Any]:
    """The body of one of family A's writes: a JSON object, keys beyond these ignored."""
    schema = {"type": "object", "properties": properties, "required": required}
    return {
        "security": _KEY,
        "parameters": [_IDEMPOTENCY, _ASKED],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
    }


_TEXT: Final = {"type": ["string", "null"]}
_OBJECT: Final = {
    "type": ["object", "null"],
    "properties": {"type": {"type": "string"}, "id": {"type": "integer"}},
}
_ERROR: Final = {
    "type": ["object", "null"],
    "properties": {"field": _TEXT, "code": {"type": "string"}, "message": {"type": "string"}},
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_USER_SCHEMA: Final = _object(
    id={"type": "integer"},
    handle={"type": "string"},
    uuid={"type": "string", "format": "uuid"},
    name={"type": "string"},
    email=_TEXT,
    college=_TEXT,
    created_at={"type": "string", "format": "date-time"},
)
_ANSWERS: Final[dict[str, Any]] = {
    "Imported": _object(
        kind={"enum": ["readings", "content"]},
        dataset={"type": "string"},
        rows={"type": "integer"},
        accepted={"type": "integer"},
        retry={"type": "integer"},
        applied={"type": "boolean"},
        rejected={"type": "array", "items": _object(line={"type": "integer"}, error=_ERROR)},
    ),
    "Results": _object(
        results={
            "type": "array",
            "items": _object(
                id=_TEXT,
                event_id=_TEXT,
                status={"enum": ["accepted", "invalid", "retry", "dead-lettered"]},
                applied={"type": "boolean"},
                position=_TEXT,
                object=_OBJECT,
                error=_ERROR,
            ),
        }
    ),
    "FeedRead": _object(
        event_id={"type": "string", "format": "uuid"},
        feed={"enum": ["home", "notifications"]},
        through={"type": "string", "format": "date-time"},
        only_seen={"type": "boolean"},
        applied={"type": "boolean"},
    ),
    "Erased": _object(
        id={"type": "integer"},
        event_id={"type": "string", "format": "uuid"},
        erased_at={"type": "string", "format": "date-time"},
        applied={"type": "boolean"},
    ),
    "User": _USER_SCHEMA,
    "UserResults": _object(
        results={
            "type": "array",
            "items": _object(
                status={"enum": ["created", "conflict", "invalid", "retry"]},
                user={"anyOf": [{"$ref": "#/components/schemas/User"}, {"type": "null"}]},
                error=_ERROR,
            ),
        }
    ),
    "UserOrResults": {"anyOf": [{"$ref": "#/components/schemas/User"}, {"$ref": "#/components/schemas/UserResults"}]},
    "FamilyAError": _object(error={"const": True}, message={"type": "string"}),
    "Problem": {
        **_object(
            type={"type": "string"}, title={"type": "string"}, status={"type": "integer"}, detail={"type": "string"}
        ),
        "description": "RFC 9457; `errors` names fields.",
    },
}


def complete(app: FastAPI) -> None:
    """Put the events' and answers' schemas, and how to send a key, into the app's document."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        described = generate()
        components = described.setdefault("components", {})
        components.setdefault("schemas", {}).update(_schemas())
        components["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-App-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        return described

    app.openapi = document  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    models = [(model, "validation") for model in (*EVENT_MODELS.values(), NewUserIn, ArticleIn, FeedReadIn)]
    _, defined = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]
    refs = [{"$ref": _REF.format(model=model.__name__)} for model in EVENT_MODELS.values()]
    mapping = {type_: _REF.format(model=model.__name__) for type_, model in EVENT_MODELS.items()}
    event = {"oneOf": refs, "discriminator": {"propertyName": "type", "mapping": mapping}}
    return {**defined["$defs"], "Event": event, **_ANSWERS}
