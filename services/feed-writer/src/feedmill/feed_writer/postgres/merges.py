"""The SQL of the Postgres sink, in the order it runs. One batch is one transaction; each statement works on sets.

`incoming` and its like are the batch (`apply.py` puts them in front of each statement). Behind ACTIVITIES they hold
only events that this transaction inserted into `activity` for the first time, and only those change any other table: a
late repeat of "follow" must not undo an "unfollow". Within a key the higher origin offset wins; merges give the same
whatever the batches are cut to.
"""

from __future__ import annotations

from feedmill.runtime.feeds import rows

CREATE_POSITIONS = """
INSERT INTO sink_position (topic, partition, source_offset, next_offset)
SELECT topic, partition, -1, 0 FROM unnest(%(topics)s::text[], %(partitions)s::int[]) AS asked (topic, partition)
 ORDER BY topic, partition
ON CONFLICT DO NOTHING
"""

READ_POSITIONS = """
SELECT topic, partition, source_offset, next_offset FROM sink_position
  JOIN unnest(%(topics)s::text[], %(partitions)s::int[]) AS asked (topic, partition) USING (topic, partition)
 ORDER BY topic, partition
"""

_MOVED = "unnest(m_topic, m_partition, m_source_offset, m_next_offset, m_expected_source, m_expected_next)"
_MOVED_NAMES = "moved (topic, partition, source_offset, next_offset, expected_source, expected_next)"

COMPARE_POSITIONS = f"""
SELECT count(*) FROM (
    SELECT (stored.source_offset, stored.next_offset) = (expected_source, expected_next) AS as_expected
      FROM {_MOVED} AS {_MOVED_NAMES} JOIN sink_position stored USING (topic, partition)
     ORDER BY topic, partition FOR UPDATE OF stored) AS compared
 WHERE as_expected
"""  # noqa: S608 (names of ours)
"""How many partitions stand where this process believes they do; locked in the order of their keys."""

MOVE_POSITIONS = f"""
UPDATE sink_position AS stored SET source_offset = moved.source_offset, next_offset = moved.next_offset
  FROM {_MOVED} AS {_MOVED_NAMES} WHERE (stored.topic, stored.partition) = (moved.topic, moved.partition)
"""  # noqa: S608 (names of ours)

ACTIVITIES = """
WITH inserted AS (
    INSERT INTO activity (event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at,
                          source_partition, source_offset, origin_offset, enriched_offset, accepted_at, enriched_at,
                          since)
    SELECT event_id, verb, actor_id, object_type, object_id, target_type, target_id, occurred_at,
           source_partition, source_offset, nullif(origin_offset, source_offset), enriched_offset,
           to_timestamp(accepted_ms / 1e3::float8), to_timestamp(enriched_ms / 1e3::float8),
           since
      FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING event_id
)
SELECT array_agg(event_id) INTO fresh FROM inserted;
"""

OBJECTS = """
WITH merged AS (
    INSERT INTO object AS kept (type, id, author_id, content, title, url, canonical_url, tags, mentions, space_id,
                                created_at, origin_offset)
    SELECT DISTINCT ON (type, id)
           type, id, author_id, content, title, url, canonical_url, tags, mentions, space_id, created_at, origin_offset
      FROM incoming_object
     ORDER BY type, id, origin_offset DESC
    ON CONFLICT (type, id) DO UPDATE
       SET author_id = excluded.author_id, content = excluded.content, title = excluded.title, url = excluded.url,
           canonical_url = excluded.canonical_url, tags = excluded.tags, mentions = excluded.mentions,
           space_id = excluded.space_id, created_at = excluded.created_at, origin_offset = excluded.origin_offset
     WHERE kept.origin_offset < excluded.origin_offset
    RETURNING type, id, xmax <> 0 AS was_there
)
SELECT array_agg(type), array_agg(id) INTO w_type, w_id FROM merged WHERE was_there;
"""
"""`awaited` from now on: of which there was a row already, because somebody spoke of them before."""

DELETIONS = """
INSERT INTO object AS kept (type, id, deleted_at, deleted_offset)
SELECT DISTINCT ON (object_type, object_id) object_type, object_id, occurred_at, origin_offset
  FROM incoming
 WHERE verb = 'delete'
 ORDER BY object_type, object_id, origin_offset
ON CONFLICT (type, id) DO UPDATE SET deleted_at = excluded.deleted_at, deleted_offset = excluded.deleted_offset
 WHERE kept.deleted_offset IS NULL OR kept.deleted_offset > excluded.deleted_offset;
"""

FOLLOWS = """
WITH step AS (
    SELECT actor_id, object_id, verb = 'follow' AS starts, since, occurred_at, source_partition, origin_offset,
           max(origin_offset) OVER (PARTITION BY actor_id, object_id ORDER BY enriched_offset) AS highest
      FROM incoming
     WHERE verb IN ('follow', 'unfollow')
), counted AS (  -- one by one, only a higher origin would have changed the row
    SELECT step.*, coalesce(edge.active, false) AS was_active, edge.since AS old_since, edge.followed_at AS old_at,
           edge.began_offset AS old_began,
           max(step.origin_offset) FILTER (WHERE NOT starts) OVER of_pair AS ended,
           max(step.origin_offset) OVER of_pair AS latest
      FROM step LEFT JOIN follow_edge edge ON (edge.follower_id, edge.followee_id) = (step.actor_id, step.object_id)
     WHERE step.origin_offset = highest AND step.origin_offset > coalesce(edge.origin_offset, -1)
    WINDOW of_pair AS (PARTITION BY actor_id, object_id)
), decided AS (  -- the first start after the last end, or an end
    SELECT DISTINCT ON (actor_id, object_id) *, starts AND origin_offset > coalesce(ended, -1) AS active
      FROM counted
     ORDER BY actor_id, object_id, starts AND origin_offset > coalesce(ended, -1) DESC, origin_offset
)
INSERT INTO follow_edge AS kept (follower_id, followee_id, active, since, followed_at, began_offset, source_partition,
                                 origin_offset)
SELECT actor_id, object_id, active,
       CASE WHEN active THEN CASE WHEN was_active AND ended IS NULL THEN old_since ELSE since END END,
       CASE WHEN active THEN CASE WHEN was_active AND ended IS NULL THEN old_at ELSE occurred_at END END,
       CASE WHEN active AND was_active AND ended IS NULL THEN old_began ELSE origin_offset END,
       source_partition, latest
  FROM decided
ON CONFLICT (follower_id, followee_id) DO UPDATE
   SET active = excluded.active, since = excluded.since, followed_at = excluded.followed_at,
       push = CASE WHEN excluded.active AND kept.active AND kept.began_offset = excluded.began_offset THEN kept.push
                   ELSE 0 END,
       rows_left = kept.rows_left
                OR kept.active AND NOT (excluded.active AND kept.began_offset = excluded.began_offset),
       began_offset = excluded.began_offset, source_partition = excluded.source_partition,
       origin_offset = excluded.origin_offset
 WHERE kept.origin_offset < excluded.origin_offset;
"""

LIKES = """
WITH step AS (
    SELECT actor_id, object_type, object_id, verb = 'like' AS starts, occurred_at, origin_offset,
           max(origin_offset) OVER (PARTITION BY actor_id, object_type, object_id ORDER BY enriched_offset) AS highest
      FROM incoming
     WHERE verb IN ('like', 'unlike')
), counted AS (
    SELECT step.*, coalesce(liked.active, false) AS was_active, liked.liked_at AS old_at,
           max(step.origin_offset) FILTER (WHERE NOT starts) OVER of_pair AS ended,
           max(step.origin_offset) OVER of_pair AS latest
      FROM step LEFT JOIN object_like liked USING (actor_id, object_type, object_id)
     WHERE step.origin_offset = highest AND step.origin_offset > coalesce(liked.origin_offset, -1)
    WINDOW of_pair AS (PARTITION BY actor_id, object_type, object_id)
), decided AS (
    SELECT DISTINCT ON (actor_id, object_type, object_id) *, starts AND origin_offset > coalesce(ended, -1) AS active
      FROM counted
     ORDER BY actor_id, object_type, object_id, starts AND origin_offset > coalesce(ended, -1) DESC, origin_offset
)
INSERT INTO object_like AS kept (actor_id, object_type, object_id, active, liked_at, ended_offset, origin_offset)
SELECT actor_id, object_type, object_id, active,
       CASE WHEN active THEN CASE WHEN was_active AND ended IS NULL THEN old_at ELSE occurred_at END END,
       coalesce(ended, -1), latest
  FROM decided
ON CONFLICT (actor_id, object_type, object_id) DO UPDATE
   SET active = excluded.active, liked_at = excluded.liked_at,
       ended_offset = greatest(kept.ended_offset, excluded.ended_offset), origin_offset = excluded.origin_offset
 WHERE kept.origin_offset < excluded.origin_offset;
"""

USER_EDGES = """
WITH step AS (
    SELECT CASE kind WHEN 'connect' THEN least(actor_id, object_id) ELSE actor_id END AS actor_id, kind,
           CASE kind WHEN 'connect' THEN greatest(actor_id, object_id) ELSE object_id END AS object_id,
           verb = kind AS starts, occurred_at, enriched_offset, origin_offset
      FROM incoming
     CROSS JOIN LATERAL (
            SELECT CASE verb WHEN 'disconnect' THEN 'connect' WHEN 'unrecommend' THEN 'recommend'
                             WHEN 'unmute' THEN 'mute' WHEN 'unblock' THEN 'block' ELSE verb END) AS said (kind)
     WHERE verb IN ('connect', 'disconnect', 'recommend', 'unrecommend', 'mute', 'unmute', 'block', 'unblock')
), in_order AS (
    SELECT *, max(origin_offset) OVER (PARTITION BY actor_id, kind, object_id ORDER BY enriched_offset) AS highest
      FROM step
), counted AS (
    SELECT in_order.*, coalesce(edge.active, false) AS was_active, edge.began_at AS old_at,
           max(in_order.origin_offset) FILTER (WHERE NOT starts) OVER of_pair AS ended,
           max(in_order.origin_offset) OVER of_pair AS latest
      FROM in_order LEFT JOIN user_edge edge USING (actor_id, kind, object_id)
     WHERE in_order.origin_offset = highest AND in_order.origin_offset > coalesce(edge.origin_offset, -1)
    WINDOW of_pair AS (PARTITION BY actor_id, kind, object_id)
), decided AS (
    SELECT DISTINCT ON (actor_id, kind, object_id) *, starts AND origin_offset > coalesce(ended, -1) AS active
      FROM counted
     ORDER BY actor_id, kind, object_id, starts AND origin_offset > coalesce(ended, -1) DESC, origin_offset
)
INSERT INTO user_edge AS kept (actor_id, kind, object_id, active, began_at, ended_offset, origin_offset)
SELECT actor_id, kind, object_id, active,
       CASE WHEN active THEN CASE WHEN was_active AND ended IS NULL THEN old_at ELSE occurred_at END END,
       coalesce(ended, -1), latest
  FROM decided
ON CONFLICT (actor_id, kind, object_id) DO UPDATE
   SET active = excluded.active, began_at = excluded.began_at,
       ended_offset = greatest(kept.ended_offset, excluded.ended_offset), origin_offset = excluded.origin_offset
 WHERE kept.origin_offset < excluded.origin_offset;
"""

USERS = """
WITH said AS (
    SELECT id,
           (array_agg(handle ORDER BY enriched_offset) FILTER (WHERE handle IS NOT NULL))[1] AS handle,
           (array_agg(uuid ORDER BY enriched_offset) FILTER (WHERE uuid IS NOT NULL))[1] AS uuid,
           (array_agg(changed_at ORDER BY enriched_offset) FILTER (WHERE verb = 'user-created'))[1] AS created_at,
           (array_agg(changed_at ORDER BY enriched_offset) FILTER (WHERE verb = 'user-erased'))[1] AS erased_at,
           (array_agg(changed_at ORDER BY origin_offset DESC))[1] AS updated_at,
           (array_agg(name ORDER BY origin_offset DESC) FILTER (WHERE name IS NOT NULL))[1] AS name,
           (array_agg(email ORDER BY origin_offset DESC) FILTER (WHERE email IS NOT NULL))[1] AS email,
           (array_agg(college ORDER BY origin_offset DESC) FILTER (WHERE college IS NOT NULL))[1] AS college,
           max(origin_offset) FILTER (WHERE name IS NOT NULL) AS name_offset,
           max(origin_offset) FILTER (WHERE email IS NOT NULL) AS email_offset,
           max(origin_offset) FILTER (WHERE college IS NOT NULL) AS college_offset,
           max(origin_offset) AS origin_offset, bool_or(verb = 'user-erased') AS erased
      FROM incoming_user
     GROUP BY id
)
INSERT INTO user_profile AS kept (id, handle, uuid, name, email, college, created_at, updated_at, erased_at,
                                  origin_offset, name_offset, email_offset, college_offset)
SELECT id, handle, uuid,
       CASE WHEN NOT erased THEN name END, CASE WHEN NOT erased THEN email END, CASE WHEN NOT erased THEN college END,
       created_at, updated_at, erased_at, origin_offset,
       CASE WHEN erased THEN 9223372036854775807 ELSE coalesce(name_offset, -1) END,
       CASE WHEN erased THEN 9223372036854775807 ELSE coalesce(email_offset, -1) END,
       CASE WHEN erased THEN 9223372036854775807 ELSE coalesce(college_offset, -1) END
  FROM said
 ORDER BY id
ON CONFLICT (id) DO UPDATE
   SET handle = coalesce(kept.handle, excluded.handle), uuid = coalesce(kept.uuid, excluded.uuid),
       created_at = coalesce(kept.created_at, excluded.created_at),
       erased_at = coalesce(kept.erased_at, excluded.erased_at),
       updated_at = CASE WHEN excluded.origin_offset > kept.origin_offset THEN excluded.updated_at
                         ELSE kept.updated_at END,
       origin_offset = greatest(kept.origin_offset, excluded.origin_offset),
       name = CASE WHEN excluded.name_offset > kept.name_offset THEN excluded.name ELSE kept.name END,
       email = CASE WHEN excluded.email_offset > kept.email_offset THEN excluded.email ELSE kept.email END,
       college = CASE WHEN excluded.college_offset > kept.college_offset THEN excluded.college ELSE kept.college END,
       name_offset = greatest(kept.name_offset, excluded.name_offset),
       email_offset = greatest(kept.email_offset, excluded.email_offset),
       college_offset = greatest(kept.college_offset, excluded.college_offset);
"""

PUSHED_ROWS_A_BATCH = 200_000
"""Feed rows of one transaction: some two seconds of it, far below what a statement may take."""
BOUND_FROM_RECORDS = 200
"""A smaller batch cannot come to so many, as an author is pushed to a few hundred readers at most."""

BOUND = f"""
WITH post AS (
    SELECT actor_id, count(*) AS number FROM incoming
     WHERE verb IN ({", ".join(f"'{verb}'" for verb in rows.VERBS)}) GROUP BY actor_id
), author AS (
    SELECT actor_id, number * readers AS cost
      FROM post CROSS JOIN LATERAL (
           SELECT count(*) AS readers FROM follow_edge WHERE followee_id = actor_id AND push > 0 OFFSET 0) pushed
), summed AS (
    SELECT actor_id, sum(cost) OVER (ORDER BY cost, actor_id) AS so_far FROM author
), pulled AS (
    UPDATE follow_edge SET push = 0 FROM summed
     WHERE so_far > {PUSHED_ROWS_A_BATCH} AND followee_id = actor_id AND push > 0
    RETURNING follower_id
), {rows.asking("reader_id IN (SELECT follower_id FROM pulled)")};
"""  # noqa: S608 (names of ours)
"""Authors whose rows would make this transaction too long are pulled from it on, the dearest first, whatever came at
once: nobody's posts wait for theirs. The tender pushes them again, to the depth of a feed and no deeper."""

_PUSH = f"""
INSERT INTO home_feed (reader_id, occurred_at, {rows.COLUMNS})
SELECT follower_id, occurred_at, event_id, actor_id, verb, object_type, object_id, target_type, target_id,
       source_partition, source_offset, nullif(origin_offset, source_offset)
  FROM incoming
 CROSS JOIN LATERAL (
        SELECT follower_id FROM follow_edge
         WHERE followee_id = actor_id AND push > 0 AND occurred_at >= coalesce(follow_edge.since, '-infinity')
        OFFSET 0) reader
 WHERE verb IN ({", ".join(f"'{verb}'" for verb in rows.VERBS)})
 ORDER BY follower_id, occurred_at, event_id"""  # noqa: S608 (names of ours)
PUSH = f"{_PUSH} ON CONFLICT DO NOTHING;"
"""In the transaction that inserts the activities: one statement for all posts of a batch and all their readers.
OFFSET 0: an index look-up for each post, whatever the planner thinks of the tables' sizes. In the key's order: of a
large batch each leaf is found once (1.2 times the rows a second), and a reader's rows lie side by side."""
PUSH_MANY = f"{_PUSH};"
"""Of a large batch: without a look for each row whether it is there already (1.3 times the rows a second). It
cannot be, as nobody saw its activity yet; should one be there all the same, PUSH comes after it."""

_FOLLOWERS = "reader_id IN (SELECT actor_id FROM incoming WHERE verb = 'follow')"
ASK_TO_FILL = f"WITH {rows.asking(_FOLLOWERS)};"
