"""Who am I, and whom do I follow? Family A's question."""

from typing import Final

from feedmill.runtime.postgres import Postgres, Row

SQL: Final = """
SELECT u.id, u.handle, u.created_at, coalesce(u.updated_at, u.created_at) AS updated_at,
       ARRAY(SELECT followee_id FROM follow_edge
              WHERE follower_id = u.id AND active
              ORDER BY followed_at, followee_id) AS follow_ids
  FROM user_profile u
 WHERE u.id = $1 AND u.handle IS NOT NULL AND u.erased_at IS NULL"""


async def me(postgres: Postgres, user_id: int) -> Row | None:
    """id, handle, created_at, updated_at, follow_ids in the order followed; None for one not there (yet)."""
    return await postgres.fetchrow(SQL, user_id)
