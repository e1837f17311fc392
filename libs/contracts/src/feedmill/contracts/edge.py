"""`data` as a client may send it to `POST /v1/events`: strict, and without what the door adds (ids, since).

One model a verb of the table in the HTTP interface; what needs an endpoint of its own has none.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from feedmill.contracts.article import READERS_MAX, TIME_END_S
from feedmill.contracts.base import URL_PATTERN, Date, Edge, ForeignId, Id, Json, Name, Time, Title
from feedmill.contracts.edge_checks import checked_content, checked_text, refuse_self
from feedmill.contracts.limits import EMAIL_MAX_CHARS, FOREIGN_ID_MAX_CHARS, HANDLE_MAX_CHARS, MAX_ID, URL_MAX_CHARS

PostType = Literal["post", "photo", "link", "article"]
RefType = Literal["post", "photo", "link", "article", "comment"]
Content = Annotated[Json, AfterValidator(checked_content)]
WebUrl = Annotated[str, StringConstraints(max_length=URL_MAX_CHARS, pattern=URL_PATTERN)]


class ObjectRefIn(Edge):
    type: RefType
    id: Id


class UserRefIn(Edge):
    type: Literal["user"]
    id: Id


class PostObjectIn(Edge):
    type: PostType
    content: Content
    url: WebUrl | None = None
    title: Title | None = None


class CommentObjectIn(Edge):
    type: Literal["comment"]
    content: Content


class PostIn(Edge):
    actor_id: Id
    object: PostObjectIn
    space_id: Id | None = None


class CommentIn(Edge):
    actor_id: Id
    object: CommentObjectIn
    target: ObjectRefIn


class OnObjectIn(Edge):
    actor_id: Id
    object: ObjectRefIn


class OnUserIn(Edge):
    actor_id: Id
    object: UserRefIn

    @model_validator(mode="after")
    def _is_no_self_reference(self) -> "OnUserIn":
        refuse_self(self.actor_id, self.object.id)
        return self


class FollowIn(OnUserIn):
    """`backfill`: how much of the followee's past is seen: all of it, none, or the last N posts."""

    backfill: Literal["all", "none"] | Annotated[int, Field(ge=0, le=MAX_ID)] = "all"


class FeedReadIn(Edge):
    """Body of `POST /v1/users/{id}/feed/read` and its like."""

    through: Time
    only_seen: bool = False


class ReadingIn(Edge):
    user_id: ForeignId
    content_id: ForeignId
    read_percent: Annotated[float, Field(ge=0, le=100)]
    updated_at: Date


class ContentMetaIn(Edge):
    content_id: ForeignId
    category_name: Name


class ArticleIn(Edge):
    """`time`: seconds since 1970."""

    id: Annotated[str, Field(min_length=1, max_length=FOREIGN_ID_MAX_CHARS)]
    time: Annotated[int, Field(ge=0, lt=TIME_END_S)]
    readers: Annotated[int, Field(ge=0, le=READERS_MAX)]
    text: Annotated[str, AfterValidator(checked_text)]


HANDLE_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
EMAIL_PATTERN: Final = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"


class NewUserIn(Edge):
    """Who signs up. The handle is never changed and never given again; case does not tell two handles apart."""

    handle: Annotated[str, StringConstraints(min_length=1, max_length=HANDLE_MAX_CHARS, pattern=HANDLE_PATTERN)]
    name: Name
    email: Annotated[str, StringConstraints(max_length=EMAIL_MAX_CHARS, pattern=EMAIL_PATTERN)] | None = None
    college: Name | None = None
