"""Records of the enriched topics: one uniform shape an activity, whatever its verb. Struct for the hot paths, model for
the schema; a property test holds them equal."""

from typing import Annotated, Any

from msgspec import Struct
from pydantic import Field

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


class EnrichedRead(Struct, frozen=True, gc=False):
    """feed-read only. `through`: RFC 3339 in UTC."""

    feed: str
    through: str
    only_seen: bool


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
    read: EnrichedRead | None = None


class EnrichedReading(Struct, frozen=True, gc=False):
    user_id: str
    content_id: str
    read_percent: float
    updated_at: str
    """YYYY-MM-DD."""


class EnrichedContent(Struct, frozen=True, gc=False):
    content_id: str
    category_name: str


class EnrichedEntity(Struct, frozen=True, gc=False):
    id: str
    """Made of the name alone: the same for ever."""
    name: str
    count: int
    """How often the text names it; never 0."""


class EnrichedArticle(Struct, frozen=True, omit_defaults=True):
    id: str
    time: int
    """Seconds since 1970."""
    readers: int
    text: str
    saga: str | None = None
    """`unknown`: no saga is likely enough. None: not asked for, as in `set_aside`."""
    probability: float | None = None
    """Of the likeliest saga, also where that is not enough."""
    model: str | None = None
    """Version of what classified it."""
    entities: list[EnrichedEntity] = []
    """Each once."""
    entity_list: str | None = None
    """Version of the list they were looked for with."""
    set_aside: str | None = None
    """Why nothing was looked for: `empty`, `unreadable`, `too_many_entities`."""


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


class EnrichedReadModel(Wire):
    feed: TypeName
    through: Time
    only_seen: bool


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
    read: EnrichedReadModel | None = None


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


class EnrichedEntityModel(Wire):
    id: str
    name: str
    count: Annotated[int, Field(ge=1)]


class EnrichedArticleModel(Wire):
    """One article, its readers, and what its text says: the saga, and how often which entity is named."""

    id: str
    time: int
    readers: int
    text: str
    saga: str | None = None
    probability: float | None = None
    model: str | None = None
    entities: tuple[EnrichedEntityModel, ...] = ()
    entity_list: str | None = None
    set_aside: str | None = None
