"""What the feeds have in common: which activities may be seen, and what an item needs to be shown.

A statement here is a CTE `candidate` (activities of one page by keyset, newest first) and a SELECT that hydrates them
in the same round trip. It returns hidden candidates too, marked: the caller goes on behind them until its page is full,
so that what is hidden never makes a page short, and nothing beyond the page is hydrated.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from feedmill.api.cursor import Key
from feedmill.contracts.verbs import FEED_VERBS
from feedmill.runtime.postgres import Row

ItemT = TypeVar("ItemT")

VERBS: Final = sorted(FEED_VERBS)
"""Bound as a parameter: verbs shown in feeds."""

COLUMNS: Final = (
    "event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at,"
    " coalesce(origin_offset, source_offset) AS said_offset"
)
"""Of `activity`; a candidate has these and actor_handle, actor_name: its actor is someone who may be seen."""

HIDDEN_FROM: Final = """
blocked AS MATERIALIZED (
    SELECT object_id AS id FROM user_edge WHERE actor_id = {viewer} AND kind = 'block' AND active
     UNION ALL
    SELECT actor_id FROM user_edge WHERE object_id = {viewer} AND kind = 'block' AND active)"""
"""A CTE every statement here needs: who and whose the viewer (a parameter; null: nobody) does not see."""

VISIBLE_USER: Final = "handle IS NOT NULL AND erased_at IS NULL"

NOT_TAKEN_BACK: Final = """CASE c.verb
         WHEN 'like' THEN NOT EXISTS (
              SELECT FROM object_like l
               WHERE l.actor_id = c.actor_id AND l.object_type = c.object_type AND l.object_id = c.object_id
                 AND l.ended_offset > {said})
         WHEN 'recommend' THEN NOT EXISTS (
              SELECT FROM user_edge e
               WHERE e.actor_id = c.actor_id AND e.kind = 'recommend' AND e.object_id = c.object_id
                 AND e.ended_offset > {said})
         WHEN 'connect' THEN NOT EXISTS (
              SELECT FROM user_edge e
               WHERE e.actor_id = least(c.actor_id, c.object_id) AND e.kind = 'connect'
                 AND e.object_id = greatest(c.actor_id, c.object_id) AND e.ended_offset > {said})
         ELSE true END"""
"""Of an activity c, said at this offset: not taken back by an unlike, a disconnect, an unrecommend."""


def applied(table: str, positions: str, offset: str = "source_offset") -> str:
    """Applied where the walk through the pages began; positions null: it begins now."""
    return (
        f"({positions} IS NULL OR ({positions})[{table}.source_partition + 1] IS NULL"
        f" OR {table}.{offset} <= ({positions})[{table}.source_partition + 1])"
    )


SEEN: Final = f"""(CASE WHEN c.object_type IS NULL THEN true
             WHEN c.object_type = 'user' THEN who.handle IS NOT NULL AND who.erased_at IS NULL
             ELSE o.deleted_at IS NULL AND (o.author_id = c.actor_id
                  OR o.author_id IS NOT NULL AND author.handle IS NOT NULL AND author.erased_at IS NULL) END
        AND CASE WHEN c.target_type IS NULL THEN true
             ELSE t.deleted_at IS NULL AND (t.author_id = c.actor_id
                  OR t.author_id IS NOT NULL AND t_author.handle IS NOT NULL AND t_author.erased_at IS NULL) END
        AND {NOT_TAKEN_BACK.format(said="c.said_offset")}
        AND ((SELECT count(*) FROM blocked) = 0 OR NOT EXISTS (
             SELECT FROM blocked WHERE id IN (c.actor_id, CASE c.object_type WHEN 'user' THEN c.object_id END,
                                              o.author_id, t.author_id)))
       ) IS TRUE"""  # noqa: S608 (a constant of ours)
"""Deleted objects hide what hangs on them; a reference to what is not there yet waits unseen; what was taken back
(unlike, disconnect, unrecommend) and what a block stands before is hidden."""

JOINS: Final = """
  FROM candidate c
  LEFT JOIN user_profile who ON who.id = CASE WHEN c.object_type = 'user' THEN c.object_id END
  LEFT JOIN object o ON o.type = c.object_type AND o.id = c.object_id
  LEFT JOIN user_profile author ON author.id = CASE WHEN o.author_id <> c.actor_id THEN o.author_id END
  LEFT JOIN object t ON t.type = c.target_type AND t.id = c.target_id
  LEFT JOIN user_profile t_author ON t_author.id = CASE WHEN t.author_id <> c.actor_id THEN t.author_id END
 ORDER BY c.occurred_at DESC, c.event_id DESC"""
"""The CASEs spare look-ups: most objects are their actor's own."""

HYDRATED: Final = f"""
SELECT c.event_id, c.verb, c.actor_id, c.object_type, c.object_id, c.target_type, c.target_id, c.occurred_at,
       c.actor_handle, c.actor_name, who.handle AS who_handle, who.name AS who_name,
       o.content, o.title, o.url, nullif(o.tags, '{{}}') AS tags, nullif(o.mentions, '{{}}') AS mentions,
       o.created_at, o.author_id,
       author.handle AS author_handle, author.name AS author_name,
       t.content AS t_content, t.title AS t_title, t.url AS t_url,
       nullif(t.tags, '{{}}') AS t_tags, nullif(t.mentions, '{{}}') AS t_mentions,
       t.created_at AS t_created_at, t.author_id AS t_author_id,
       t_author.handle AS t_author_handle, t_author.name AS t_author_name,
       {SEEN} AS seen{JOINS}"""
"""For /v1: everything an item shows. author_* is null where the author is the actor."""

NAMED: Final = f"""
SELECT c.event_id, c.occurred_at, c.verb, c.object_type, c.object_id, c.actor_handle AS actor_name,
       CASE WHEN c.object_type = 'user' THEN who.handle
            WHEN c.verb = 'post' THEN NULL
            WHEN c.target_type IS NOT NULL THEN coalesce(t_author.handle, c.actor_handle)
            ELSE coalesce(author.handle, c.actor_handle) END AS target_name,
       {SEEN} AS seen{JOINS}"""
"""For family A: names only."""

MAX_BATCH: Final = 1_000  # candidates asked for at once
MAX_ROUNDS: Final = 10  # beyond so many hidden ones the page may be short; its cursor goes on behind them


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """Seen items, newest first; next: the key to go on after, None where nothing more is there."""

    items: list[ItemT]
    next: Key | None


Candidates = Callable[[Key, int], Awaitable[list[Row]]]
"""(before, limit) -> candidates, hydrated, newest first."""


async def page_of(candidates: Candidates, *, before: Key, limit: int, item: Callable[[Row], ItemT]) -> Page[ItemT]:
    """A full page of what may be seen. One round trip, as long as little is hidden."""
    items: list[ItemT] = []
    last_shown: Row | None = None
    batch = limit + 1
    for _ in range(MAX_ROUNDS):
        rows = await candidates(before, batch)
        for row in rows:
            if not row["seen"]:
                continue
            if len(items) == limit:
                return Page(items, None if last_shown is None else _key(last_shown))
            items.append(item(row))
            last_shown = row
        if len(rows) < batch:
            return Page(items, None)
        before = _key(rows[-1])
        batch = min(2 * batch, max(MAX_BATCH, limit + 1))
    return Page(items, before)


def _key(row: Row) -> Key:
    return Key(row["occurred_at"], row["event_id"])
