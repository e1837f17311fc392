"""Rows to what is shown of them."""

from typing import Any

from msgspec import UNSET, Raw

from feedmill.api.wire import Actor, FeedItem, Thing
from feedmill.contracts.times import short_time
from feedmill.runtime.postgres import Row


def feed_item(row: Row) -> FeedItem:
    """A row of `queries.activities.HYDRATED`; read by place, as a page has many."""
    event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at = row[:8]
    actor_handle, actor_name, who_handle, who_name = row[8:12]
    actor = Actor(actor_id, actor_handle, actor_name)
    thing: Thing | None = None
    if object_type == "user":
        thing = Thing("user", object_id, who_handle, who_name)
    elif object_type is not None:
        thing = posted(object_type, object_id, actor, row[12:21])
    target = None if target_type is None else posted(target_type, target_id, actor, row[21:30])
    return FeedItem(event_id, verb, actor, thing, target, short_time(occurred_at))


def posted(type: str, id: int, actor: Actor, columns: tuple[Any, ...]) -> Thing:
    content, title, url, tags, mentions, created_at, author_id, author_handle, author_name = columns
    return Thing(
        type,
        id,
        content=UNSET if content is None else Raw(content.encode()),  # Postgres's own text of the JSON, unread
        title=UNSET if title is None else title,
        url=UNSET if url is None else url,
        tags=UNSET if tags is None else tags,
        mentions=UNSET if mentions is None else mentions,
        author=actor if author_id == actor.id else Actor(author_id, author_handle, author_name),
        created_at=UNSET if created_at is None else short_time(created_at),
    )


def family_a_row(row: Row) -> Row:
    """A row of `queries.activities.NAMED`, as it is."""
    return row
