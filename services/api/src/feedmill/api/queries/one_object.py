"""What is an object, and what did it get?"""

from typing import Final

from feedmill.api.queries.activities import VISIBLE_USER
from feedmill.api.queries.counters import COMMENTED, COUNTED
from feedmill.api.queries.hidden import HIDDEN
from feedmill.api.queries.item import posted
from feedmill.api.wire import Actor, ObjectCounters, ObjectShown
from feedmill.runtime.postgres import Postgres

SQL: Final = f"""
WITH {HIDDEN.format(viewer="$3")}
SELECT o.content, o.title, o.url, nullif(o.tags, '{{}}') AS tags, nullif(o.mentions, '{{}}') AS mentions,
       o.created_at, o.author_id, author.handle, author.name, liked.*, commented.*
  FROM object o
  JOIN user_profile author ON author.id = o.author_id AND author.{VISIBLE_USER}
 CROSS JOIN LATERAL ({COUNTED}) AS liked
 CROSS JOIN LATERAL ({COMMENTED}) AS commented
 WHERE o.type = $1 AND o.id = $2 AND o.deleted_at IS NULL AND o.author_id NOT IN (SELECT id FROM blocked)"""  # noqa: S608


async def one_object(postgres: Postgres, *, type: str, id: int, viewer_id: int | None) -> ObjectShown | None:
    """None for one that is not there (yet), deleted, its author's erased, or behind a block."""
    row = await postgres.fetchrow(SQL, type, id, viewer_id)
    if row is None:
        return None
    author = Actor(row["author_id"], row["handle"], row["name"])
    counters = ObjectCounters(row["likes"], row["likers"], row["shares"], row["comments"])
    return ObjectShown(posted(type, id, author, row[:9]), counters)
