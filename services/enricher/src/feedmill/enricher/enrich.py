"""Event -> enriched value: the steps that add what an event itself says. Pure; no clock, no store, no network.

A step that needs more (a link's page) is a service or an event of its own; a pure one is a line here. What an article's
text says is `articles.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from feedmill.contracts import times
from feedmill.contracts.enriched import (
    EnrichedActivity,
    EnrichedArticle,
    EnrichedContent,
    EnrichedObject,
    EnrichedRead,
    EnrichedReading,
    EnrichedTarget,
    EnrichedUser,
)
from feedmill.contracts.structs import CommentObject, FeedRead, OnObject, OnUser, PostObject
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, ARTICLE_PUBLISHED
from feedmill.enricher.articles import ReadArticle
from feedmill.enricher.decode import Event
from feedmill.enricher.text import canonical, mentions_in, tags_in

_REFERENCES: Final = frozenset({OnObject, OnUser})
"""Who did something to what: actor_id and a reference, no more."""
NO_ACTOR: Final = 0
"""actor_id of what nobody did, like a link's preview."""


def bare_article(data: Any) -> EnrichedArticle:
    """An article whose text nobody looks into."""
    return EnrichedArticle(str(data.id), data.time, data.readers, data.text)


def enrich(
    event: Event, read_article: ReadArticle = bare_article
) -> EnrichedActivity | EnrichedReading | EnrichedContent | EnrichedArticle:
    """The canonical value of an event, of the uniform shape of its enriched topic."""
    if event.verb.topic is ACTIVITY_PUBLISHED:
        return _activity(event)
    if event.verb.topic is ARTICLE_PUBLISHED:
        return read_article(event.data)
    return _BARE[event.verb.name](event.data)


def _activity(event: Event) -> EnrichedActivity:
    data, verb = event.data, event.verb.name
    if type(data) in _REFERENCES:  # half of all events: nothing in them to look at
        thing = data.object
        return EnrichedActivity(verb, data.actor_id, event.occurred_at or "", EnrichedObject(thing.type, thing.id))
    thing, target = getattr(data, "object", None), getattr(data, "target", None)
    return EnrichedActivity(
        verb,
        getattr(data, "actor_id", NO_ACTOR),
        event.occurred_at or "",
        _created(thing) if isinstance(thing, PostObject | CommentObject) else _referred(thing),
        EnrichedTarget(target.type, target.id) if target is not None else None,
        getattr(data, "since", None),
        getattr(data, "space_id", None),
        _user(data.object) if verb in ("user-created", "user-updated") else None,
        _read(data) if isinstance(data, FeedRead) else None,
    )


def _referred(thing: Any) -> EnrichedObject | None:
    """A reference stays one; a space's name is its title."""
    thing_id = getattr(thing, "id", None)
    if thing_id is None:
        return None
    title = getattr(thing, "name", None) if thing.type == "space" else None
    return EnrichedObject(thing.type, thing_id, title=title)


def _created(thing: PostObject | CommentObject) -> EnrichedObject:
    """What carries content is searched for tags and mentions."""
    content, title, url = thing.content, None, None
    if isinstance(thing, PostObject):
        title, url = thing.title, thing.url
    text = content if isinstance(content, str) else ""
    return EnrichedObject(thing.type, thing.id, content, title, url, canonical(url), tags_in(text), mentions_in(text))


def _user(user: Any) -> EnrichedUser:
    return EnrichedUser(
        id=user.id,
        handle=getattr(user, "handle", None),
        uuid=getattr(user, "uuid", None),
        name=user.name,
        email=getattr(user, "email", None),
        college=user.college,
    )


def _read(data: FeedRead) -> EnrichedRead:
    through = times.format_time(times.parse_time(data.read_through))
    return EnrichedRead(data.feed, through, data.only_seen)


def _reading(data: Any) -> EnrichedReading:
    return EnrichedReading(str(data.user_id), str(data.content_id), float(data.read_percent), data.updated_at)


def _content(data: Any) -> EnrichedContent:
    return EnrichedContent(str(data.content_id), data.category_name)


_BARE: Final[Mapping[str, Callable[[Any], EnrichedReading | EnrichedContent]]] = {
    "read": _reading,
    "content-meta": _content,
}
