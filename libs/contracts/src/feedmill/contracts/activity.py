"""Activities: an actor, a verb, an object, now and then a target (ActivityStreams 2.0). One model a type and version.

Each is the JSON value of a record of `activity.published.v1`; the envelope travels in headers. Its key is the owner of
the state it changes, as each docstring says. Created objects carry the id that the door gave them.
"""

from typing import Literal

from pydantic import Field

from feedmill.contracts.base import Id, Json, Name, Time, Title, TypeName, Url, UuidText, Wire
from feedmill.contracts.limits import EMAIL_MAX_CHARS, HANDLE_MAX_CHARS


class ObjectRef(Wire):
    """A thing that is somewhere else in the log."""

    type: TypeName
    id: Id


class UserRef(Wire):
    type: Literal["user"]
    id: Id


class SpaceRef(Wire):
    type: Literal["space"]
    id: Id


class PostObject(Wire):
    """A post, photo, link or article. `content` is any JSON."""

    type: TypeName
    id: Id
    content: Json
    url: Url | None = None
    title: Title | None = None


class CommentObject(Wire):
    type: Literal["comment"]
    id: Id
    content: Json


class OnObject(Wire):
    """actor did something to an object."""

    actor_id: Id
    object: ObjectRef


class OnUser(Wire):
    """actor did something to a user."""

    actor_id: Id
    object: UserRef


class Post(Wire):
    """actor published object. Key: actor_id, the owner of the object this creates."""

    actor_id: Id
    object: PostObject
    space_id: Id | None = None


class Comment(Wire):
    """actor said object about target. Key: actor_id, whose list of comments grows."""

    actor_id: Id
    object: CommentObject
    target: ObjectRef


class Delete(OnObject):
    """The object and all that hangs on it is hidden. Key: the object's author, who alone may delete it: actor_id."""


class Like(OnObject):
    """Key: actor_id, whose list of likes grows."""


class Unlike(OnObject):
    """Key: actor_id."""


class Share(OnObject):
    """Key: actor_id."""


class Follow(Wire):
    """Key: actor_id, whose list of follows grows. `since`: from when on the followee's past is seen; null: all."""

    actor_id: Id
    object: UserRef
    since: Time | None = None


class Unfollow(OnUser):
    """Key: actor_id."""


class Connect(OnUser):
    """Key: the lower of the two ids: the pair has no order."""


class Disconnect(OnUser):
    """Key: the lower of the two ids."""


class Recommend(OnUser):
    """object is recommended to actor. Key: actor_id, whose list of recommendations grows."""


class Unrecommend(OnUser):
    """Key: actor_id."""


class Mute(OnUser):
    """Key: actor_id."""


class Unmute(OnUser):
    """Key: actor_id."""


class Block(OnUser):
    """Key: actor_id."""


class Unblock(OnUser):
    """Key: actor_id."""


class NewUser(Wire):
    type: Literal["user"]
    id: Id
    handle: str = Field(min_length=1, max_length=HANDLE_MAX_CHARS)
    uuid: UuidText
    name: Name
    email: str | None = Field(default=None, max_length=EMAIL_MAX_CHARS)
    college: Name | None = None


class UserCreated(Wire):
    """A user signed up; actor_id is the new user's own. Key: the new user's id."""

    actor_id: Id
    object: NewUser


class ChangedUser(Wire):
    """A field left out or null has not changed."""

    type: Literal["user"]
    id: Id
    name: Name | None = None
    college: Name | None = None


class UserUpdated(Wire):
    """Key: object.id."""

    actor_id: Id
    object: ChangedUser


class UserErased(OnUser):
    """Every personal field and text of the user goes. Key: object.id."""


class NewSpace(Wire):
    type: Literal["space"]
    id: Id
    name: Name
    uuid: UuidText


class SpaceCreated(Wire):
    """Key: the space's id."""

    actor_id: Id
    object: NewSpace


class ChangedSpace(Wire):
    type: Literal["space"]
    id: Id
    name: Name | None = None


class SpaceUpdated(Wire):
    """Key: the space's id."""

    actor_id: Id
    object: ChangedSpace


class SpaceDeleted(Wire):
    """Key: the space's id."""

    actor_id: Id
    object: SpaceRef


class SpaceMemberAdded(Wire):
    """object joined target. Key: the space's id."""

    actor_id: Id
    object: UserRef
    target: SpaceRef


class SpaceMemberRemoved(SpaceMemberAdded):
    """object left target. Key: the space's id."""


class PreviewedLink(Wire):
    """All three null: the page could not be read."""

    type: Literal["link"]
    url: Url
    title: Title | None = None
    description: str | None = None
    image_url: Url | None = None


class LinkPreviewed(Wire):
    """What a link's page says of itself, found once. Key: the link, as its canonical URL."""

    object: PreviewedLink


class FeedRead(Wire):
    """actor has read one of its feeds up to a time; `only_seen`: it was shown, not read. Key: actor_id."""

    actor_id: Id
    read_through: Time
    feed: Literal["home", "notifications"] = "home"
    only_seen: bool = False
