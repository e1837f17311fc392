"""msgspec twins of the edge models: the door's hot path. A property test holds them equal to `edge`.

What may be left out is left out when they are written (`omit_defaults`): the door tells duplicate keys by it.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from feedmill.contracts import times
from feedmill.contracts.base import URL_PATTERN
from feedmill.contracts.edge import PostType, RefType
from feedmill.contracts.edge_checks import checked_content, checked_text, refuse_self
from feedmill.contracts.limits import MAX_ID, URL_MAX_CHARS
from feedmill.contracts.structs import Article, ForeignId, Id, Name, Percent, Title

WebUrl = Annotated[str, Meta(max_length=URL_MAX_CHARS, pattern=URL_PATTERN)]


class ObjectRefIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    type: RefType
    id: Id


class UserRefIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    type: Literal["user"]
    id: Id


class PostObjectIn(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    type: PostType
    content: Any
    url: WebUrl | None = None
    title: Title | None = None

    def __post_init__(self) -> None:
        checked_content(self.content)


class CommentObjectIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    type: Literal["comment"]
    content: Any

    def __post_init__(self) -> None:
        checked_content(self.content)


class PostIn(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    actor_id: Id
    object: PostObjectIn
    space_id: Id | None = None


class CommentIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    actor_id: Id
    object: CommentObjectIn
    target: ObjectRefIn


class OnObjectIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    actor_id: Id
    object: ObjectRefIn


class OnUserIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    actor_id: Id
    object: UserRefIn

    def __post_init__(self) -> None:
        refuse_self(self.actor_id, self.object.id)


class FollowIn(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    actor_id: Id
    object: UserRefIn
    backfill: Literal["all", "none"] | Annotated[int, Meta(ge=0, le=MAX_ID)] = "all"

    def __post_init__(self) -> None:
        refuse_self(self.actor_id, self.object.id)


class ReadingIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    user_id: ForeignId
    content_id: ForeignId
    read_percent: Percent
    updated_at: str

    def __post_init__(self) -> None:
        times.parse_date(self.updated_at)


class ContentMetaIn(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    content_id: ForeignId
    category_name: Name


class ArticleIn(Article, frozen=True, gc=False, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        checked_text(self.text)
