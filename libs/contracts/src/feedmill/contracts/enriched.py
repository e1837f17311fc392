"""Records of the enriched topics: one uniform shape an activity, whatever its verb. Struct for the hot paths, model for
the schema; a property test holds them equal."""

from typing import Any

from msgspec import Struct

from feedmill.contracts.base import Date, Id, Json, Time, TypeName, Wire


class EnrichedObject(Struct, frozen=True, omit_defaults=True):
    type: str
    id: int
    content: Any = None
    title: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    tags: list[str] = []
    """Found in the text, lower case, each once, in order."""
    mentions: list[str] = []
    """Handles found in the text, joined to users when read."""


class EnrichedTarget(Struct, frozen=True, gc=False):
    type: str
    id: int


class EnrichedUser(Struct, frozen=True, gc=False, omit_defaults=True):
    """user-created and user-updated only. What is None has not changed."""

    id: int
    handle: str | None = None
    uuid: str | None = None
    name: str | None = None
    email: str | None = None
    college: str | None = None


class EnrichedActivity(Struct, frozen=True, omit_defaults=True):
    """`occurred_at` and `since`: RFC 3339 in UTC with six digits and Z."""

    verb: str
    actor_id: int
    occurred_at: str
    object: EnrichedObject | None = None
    target: EnrichedTarget | None = None
    since: str | None = None
    space_id: int | None = None
    user: EnrichedUser | None = None


class EnrichedReading(Struct, frozen=True, gc=False):
    user_id: str
    content_id: str
    read_percent: float
    updated_at: str
    """YYYY-MM-DD."""


class EnrichedContent(Struct, frozen=True, gc=False):
    content_id: str
    category_name: str


class EnrichedArticle(Struct, frozen=True, gc=False):
    id: str
    time: int
    """Seconds since 1970."""
    readers: int
    text: str


class EnrichedObjectModel(Wire):
    type: TypeName
    id: Id
    content: Json = None
    title: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    tags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


class EnrichedTargetModel(Wire):
    type: TypeName
    id: Id


class EnrichedUserModel(Wire):
    id: Id
    handle: str | None = None
    uuid: str | None = None
    name: str | None = None
    email: str | None = None
    college: str | None = None


class EnrichedActivityModel(Wire):
    """One activity, canonical: verb, actor, object, target, and what its own text says. Key: the raw record's."""

    verb: TypeName
    actor_id: Id
    occurred_at: Time
    object: EnrichedObjectModel | None = None
    target: EnrichedTargetModel | None = None
    since: Time | None = None
    space_id: Id | None = None
    user: EnrichedUserModel | None = None


class EnrichedReadingModel(Wire):
    """One reading, ids as text."""

    user_id: str
    content_id: str
    read_percent: float
    updated_at: Date


class EnrichedContentModel(Wire):
    """One content in one category, ids as text."""

    content_id: str
    category_name: str


class EnrichedArticleModel(Wire):
    """One article and its readers."""

    id: str
    time: int
    readers: int
    text: str
