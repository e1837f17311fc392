"""The pull query as it is usually written, a page from each of those followed; by our own index and by a plain one.

It asks less than a page does: no mutes, blocks or unlikes, no JSON.
"""

from __future__ import annotations

from feedmill.testkit.parts import execute


def pull(activities: str, columns: str) -> str:
    """Parameter: the reader. columns: of each activity before the page is cut."""
    return f"""
SELECT theirs.event_id, theirs.verb, theirs.occurred_at, u.id, u.handle, u.name,
       o.type, o.id, o.content, o.title, o.url, o.created_at
  FROM (SELECT theirs.* FROM follow_edge f CROSS JOIN LATERAL (
               SELECT {columns} FROM {activities}
                WHERE actor_id = f.followee_id ORDER BY occurred_at DESC, event_id DESC LIMIT 21) theirs
         WHERE f.follower_id = $1 AND f.active ORDER BY occurred_at DESC, event_id DESC LIMIT 21) theirs
  JOIN user_profile u ON u.id = theirs.actor_id
  JOIN object o ON o.type = theirs.object_type AND o.id = theirs.object_id AND o.deleted_at IS NULL
 ORDER BY theirs.occurred_at DESC, theirs.event_id DESC
"""


OURS = pull("activity", "event_id, verb, actor_id, object_type, object_id, occurred_at")
"""Our activities: their index holds all it asks for, so that it never sees a row."""
USUAL = pull("pulled_activity", "event_id, verb, actor_id, object_type, object_id, occurred_at")
"""A platform that pulls: rows in the order they came, a plain keyset index, each activity's columns from its row."""

_USUAL_TABLE = """
CREATE TABLE pulled_activity AS SELECT * FROM activity ORDER BY occurred_at;
ALTER TABLE pulled_activity ADD PRIMARY KEY (event_id);
CREATE INDEX pulled_activity_actor ON pulled_activity (actor_id, occurred_at, event_id);
"""


def make_usual(dsn: str) -> None:
    """The table `USUAL` asks, with the activities there are."""
    execute(dsn, _USUAL_TABLE)
    execute(dsn, "VACUUM ANALYZE pulled_activity")
