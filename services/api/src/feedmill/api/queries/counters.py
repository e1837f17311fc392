"""How often was something liked, shared and commented on? Counted from the sets each time, so nothing counts twice.

What counts is what the asker may see: standing likes, shares, comments that are not deleted, of users who are there and
whom the asker neither muted nor blocks (nor is blocked by).
"""

from typing import Final

from feedmill.api.queries.hidden import HIDDEN, LIKE_STANDS, SEEN_ACTOR

COUNTED: Final = f"""
       SELECT count(*) FILTER (WHERE a.verb = 'like') AS likes,
              count(DISTINCT a.actor_id) FILTER (WHERE a.verb = 'like') AS likers,
              count(*) FILTER (WHERE a.verb = 'share') AS shares
         FROM activity a JOIN user_profile u ON u.id = a.actor_id AND {SEEN_ACTOR}
        WHERE a.object_type = o.type AND a.object_id = o.id
          AND (a.verb = 'share' OR a.verb = 'like' AND {LIKE_STANDS})"""  # noqa: S608 (a constant of ours)
"""Of `object o`."""

COMMENTED: Final = f"""
       SELECT count(*) AS comments
         FROM activity a JOIN user_profile u ON u.id = a.actor_id AND {SEEN_ACTOR}
         JOIN object said ON said.type = a.object_type AND said.id = a.object_id AND said.deleted_at IS NULL
        WHERE a.target_type = o.type AND a.target_id = o.id AND a.verb = 'comment'"""  # noqa: S608 (a constant of ours)

RECEIVED: Final = f"""
WITH {HIDDEN.format(viewer="$2")},
about AS MATERIALIZED (
    SELECT DISTINCT o.type, o.id
      FROM notice n JOIN object o ON o.type = n.about_type AND o.id = n.about_id AND o.deleted_at IS NULL
     WHERE n.owner_id = $1 AND n.kind IN ('like', 'share', 'comment')),
deed AS (
    SELECT a.actor_id, count(*) FILTER (WHERE a.verb = 'like') AS likes,
           count(*) FILTER (WHERE a.verb = 'share') AS shares, 0 AS comments
      FROM about o
      JOIN activity a ON a.object_type = o.type AND a.object_id = o.id AND a.verb IN ('like', 'share')
     WHERE a.verb = 'share' OR {LIKE_STANDS}
     GROUP BY a.actor_id
     UNION ALL
    SELECT a.actor_id, 0, 0, count(*)
      FROM about o
      JOIN activity a ON a.target_type = o.type AND a.target_id = o.id AND a.verb = 'comment'
      JOIN object said ON said.type = a.object_type AND said.id = a.object_id AND said.deleted_at IS NULL
     GROUP BY a.actor_id)
SELECT coalesce(sum(likes), 0)::bigint AS likes,
       count(*) FILTER (WHERE likes > 0) AS likers,
       coalesce(sum(shares), 0)::bigint AS shares,
       coalesce(sum(comments), 0)::bigint AS comments
  FROM deed JOIN user_profile u ON u.id = deed.actor_id AND {SEEN_ACTOR}"""  # noqa: S608 (a constant of ours)
"""What all objects of user $1 got, as $2 sees it. The notices say which objects got anything; whoever did
much is looked up once."""
