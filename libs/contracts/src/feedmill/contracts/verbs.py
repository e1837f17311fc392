"""Every verb in one table: its type, its topic, its models, its key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from msgspec import Struct
from pydantic import BaseModel

from feedmill.contracts import activity, article, content, edge, edge_structs, reading, structs, topics
from feedmill.contracts.topics import Topic

ModelClass: TypeAlias = type[BaseModel]
StructClass: TypeAlias = type[Struct]

TYPE_PREFIX: Final = "feedmill."
"""Types are `feedmill.<verb>.v1`."""


@dataclass(frozen=True, slots=True)
class Verb:
    """`edge_model` and its twin `edge_struct`: what `POST /v1/events` takes; None: it has an endpoint of its own."""

    name: str
    type: str
    topic: Topic
    model: ModelClass
    struct: StructClass
    key: Callable[[Any], str]
    """The record's key as text, of a `struct`, its `model` or its edge twins alike: all name these fields the same."""
    edge_model: ModelClass | None = None
    edge_struct: StructClass | None = None


def key_of_actor(data: Any) -> str:
    """Of most verbs: the list is the actor's."""
    return str(data.actor_id)


def _object(data: Any) -> str:
    return str(data.object.id)


def _lower_of_pair(data: Any) -> str:
    return str(min(data.actor_id, data.object.id))


def _target(data: Any) -> str:
    return str(data.target.id)


def _link(data: Any) -> str:
    return str(data.object.url)


def _user(data: Any) -> str:
    return str(data.user_id)


def _content(data: Any) -> str:
    return str(data.content_id)


def _own_id(data: Any) -> str:
    return str(data.id)


def type_of(verb: str) -> str:
    """`like` -> `feedmill.like.v1`."""
    return f"{TYPE_PREFIX}{verb}.v1"


_RAW = topics.ACTIVITY_PUBLISHED
_ON_OBJECT = (edge.OnObjectIn, edge_structs.OnObjectIn)
_ON_USER = (edge.OnUserIn, edge_structs.OnUserIn)


def _verb(
    name: str,
    model: ModelClass,
    struct: StructClass,
    key: Callable[[Any], str] = key_of_actor,
    at_edge: tuple[ModelClass, StructClass] | None = None,
    topic: Topic = _RAW,
) -> Verb:
    edge_model, edge_struct = at_edge if at_edge else (None, None)
    return Verb(name, type_of(name), topic, model, struct, key, edge_model, edge_struct)


_ALL: Final = (
    _verb("post", activity.Post, structs.Post, at_edge=(edge.PostIn, edge_structs.PostIn)),
    _verb("delete", activity.Delete, structs.OnObject, at_edge=_ON_OBJECT),
    _verb("like", activity.Like, structs.OnObject, at_edge=_ON_OBJECT),
    _verb("unlike", activity.Unlike, structs.OnObject, at_edge=_ON_OBJECT),
    _verb("share", activity.Share, structs.OnObject, at_edge=_ON_OBJECT),
    _verb("comment", activity.Comment, structs.Comment, at_edge=(edge.CommentIn, edge_structs.CommentIn)),
    _verb("follow", activity.Follow, structs.Follow, at_edge=(edge.FollowIn, edge_structs.FollowIn)),
    _verb("unfollow", activity.Unfollow, structs.OnUser, at_edge=_ON_USER),
    _verb("connect", activity.Connect, structs.OnUser, _lower_of_pair, _ON_USER),
    _verb("disconnect", activity.Disconnect, structs.OnUser, _lower_of_pair, _ON_USER),
    _verb("recommend", activity.Recommend, structs.OnUser, at_edge=_ON_USER),
    _verb("unrecommend", activity.Unrecommend, structs.OnUser, at_edge=_ON_USER),
    _verb("mute", activity.Mute, structs.OnUser, at_edge=_ON_USER),
    _verb("unmute", activity.Unmute, structs.OnUser, at_edge=_ON_USER),
    _verb("block", activity.Block, structs.OnUser, at_edge=_ON_USER),
    _verb("unblock", activity.Unblock, structs.OnUser, at_edge=_ON_USER),
    _verb("user-created", activity.UserCreated, structs.UserCreated, _object),
    _verb("user-updated", activity.UserUpdated, structs.UserUpdated, _object),
    _verb("user-erased", activity.UserErased, structs.OnUser, _object),
    _verb("space-created", activity.SpaceCreated, structs.SpaceCreated, _object),
    _verb("space-updated", activity.SpaceUpdated, structs.SpaceUpdated, _object),
    _verb("space-deleted", activity.SpaceDeleted, structs.SpaceDeleted, _object),
    _verb("space-member-added", activity.SpaceMemberAdded, structs.SpaceMembership, _target),
    _verb("space-member-removed", activity.SpaceMemberRemoved, structs.SpaceMembership, _target),
    _verb("link-previewed", activity.LinkPreviewed, structs.LinkPreviewed, _link),
    _verb("feed-read", activity.FeedRead, structs.FeedRead),
    _verb(
        "read",
        reading.Reading,
        structs.Reading,
        _user,
        (edge.ReadingIn, edge_structs.ReadingIn),
        topics.USER_INTERACTION,
    ),
    _verb(
        "content-meta",
        content.ContentMeta,
        structs.ContentMeta,
        _content,
        (edge.ContentMetaIn, edge_structs.ContentMetaIn),
        topics.CONTENT_META,
    ),
    _verb(
        "article",
        article.Article,
        structs.Article,
        _own_id,
        (edge.ArticleIn, edge_structs.ArticleIn),
        topics.ARTICLE_PUBLISHED,
    ),
)

VERBS: Final[Mapping[str, Verb]] = {verb.name: verb for verb in _ALL}
BY_TYPE: Final[Mapping[str, Verb]] = {verb.type: verb for verb in _ALL}
EDGE_VERBS: Final = tuple(verb for verb in _ALL if verb.edge_struct is not None)
"""What `POST /v1/events` takes."""
BARE: Final[Mapping[str, Verb]] = {
    verb.topic.name: verb for verb in _ALL if verb.topic is not topics.ACTIVITY_PUBLISHED
}
"""Topic's name -> the one verb of a topic whose old producers write bare JSON."""
FEED_VERBS: Final = frozenset({"post", "like", "share", "comment", "follow", "unfollow", "connect", "recommend"})
"""Verbs that feeds show."""
