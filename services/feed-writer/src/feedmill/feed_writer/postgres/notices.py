"""The SQL that keeps what notifications, counts and per-tag feeds are found by. Derived tables: they say where to look.

Partitions are applied in any order, and by several processes: a like may come before the post it likes. Whoever speaks
of an object that is not there leaves a row without an author in its place, or locks it; making the object meets that
row, waits for its writer to commit, and sees what was said meanwhile. So one of the two always sees the other.
"""

from __future__ import annotations

PLACES = """
INSERT INTO object AS kept (type, id)
SELECT DISTINCT type, id
  FROM (SELECT object_type, object_id FROM incoming WHERE verb IN ('like', 'share')
         UNION ALL
        SELECT target_type, target_id FROM incoming WHERE verb = 'comment')
       AS said (type, id)
 WHERE type IS NOT NULL
   AND NOT EXISTS (SELECT FROM object o WHERE (o.type, o.id) = (said.type, said.id) AND o.author_id IS NOT NULL)
 ORDER BY type, id
ON CONFLICT (type, id) DO UPDATE SET origin_offset = kept.origin_offset WHERE kept.author_id IS NULL;
"""
"""Before NOTICES: what is spoken of has a row, and one without an author is locked until this is committed."""

_MERGED = """
ON CONFLICT (owner_id, kind, about_type, about_id) DO UPDATE SET latest_at = excluded.latest_at
 WHERE kept.latest_at < excluded.latest_at;
"""

NOTICES = f"""
INSERT INTO notice AS kept (owner_id, kind, about_type, about_id, latest_at)
SELECT coalesce(o.author_id, said.owner_id), kind, about_type, about_id, max(occurred_at)
  FROM (SELECT NULL::bigint, verb, object_type, object_id, occurred_at
          FROM incoming WHERE verb IN ('like', 'share')
         UNION ALL
        SELECT NULL, verb, target_type, target_id, occurred_at
          FROM incoming WHERE verb = 'comment'
         UNION ALL
        SELECT object_id, verb, 'day', floor(extract(epoch FROM occurred_at) / 86400)::bigint, occurred_at
          FROM incoming WHERE verb = 'follow')
       AS said (owner_id, kind, about_type, about_id, occurred_at)
  LEFT JOIN object o ON said.owner_id IS NULL AND (o.type, o.id) = (about_type, about_id)
 WHERE coalesce(o.author_id, said.owner_id) IS NOT NULL
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4
{_MERGED}"""  # noqa: S608 (a constant of ours)

NOTICES_OF_AWAITED = f"""
INSERT INTO notice AS kept (owner_id, kind, about_type, about_id, latest_at)
SELECT o.author_id, said.verb, o.type, o.id, max(said.occurred_at)
  FROM awaited JOIN object o USING (type, id)
 CROSS JOIN LATERAL (
        SELECT verb, occurred_at FROM activity
         WHERE (object_type, object_id) = (o.type, o.id) AND verb IN ('like', 'share')
         UNION ALL
        SELECT verb, occurred_at FROM activity WHERE (target_type, target_id) = (o.type, o.id) AND verb = 'comment')
       AS said
 WHERE o.author_id IS NOT NULL
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4
{_MERGED}"""  # noqa: S608 (a constant of ours)
"""After OBJECTS: what was said of an object before it came."""

TAGS = """
INSERT INTO object_tag (tag, occurred_at, event_id)
SELECT DISTINCT tag, created_at, event_id
  FROM incoming_object CROSS JOIN unnest(tags) AS said (tag)
ON CONFLICT DO NOTHING;
"""

MENTIONS = """
INSERT INTO object_mention (handle, occurred_at, event_id)
SELECT DISTINCT lower(handle), created_at, event_id
  FROM incoming_object CROSS JOIN unnest(mentions) AS said (handle)
ON CONFLICT DO NOTHING;
"""

READS = """
INSERT INTO feed_position AS kept (reader_id, feed, seen_through, read_through)
SELECT reader_id, feed, max(through), max(through) FILTER (WHERE NOT only_seen)
  FROM incoming_read
 GROUP BY reader_id, feed
 ORDER BY reader_id, feed
ON CONFLICT (reader_id, feed) DO UPDATE
   SET seen_through = greatest(kept.seen_through, excluded.seen_through),
       read_through = greatest(kept.read_through, excluded.read_through);
"""
