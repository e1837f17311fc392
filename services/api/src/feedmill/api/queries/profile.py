"""Who is someone, for everybody to see?"""

from typing import Final

from feedmill.api.wire import Counters, Profile
from feedmill.runtime.postgres import Postgres

SQL: Final = """
SELECT u.id, u.handle, u.uuid, u.name, u.college, u.created_at,
       (SELECT count(*) FROM follow_edge WHERE followee_id = u.id AND active) AS followers,
       (SELECT count(*) FROM follow_edge WHERE follower_id = u.id AND active) AS following,
       (SELECT count(*) FROM object
         WHERE author_id = u.id AND deleted_at IS NULL AND type <> 'comment') AS posts
  FROM user_profile u
 WHERE u.id = $1 AND u.handle IS NOT NULL AND u.erased_at IS NULL"""

SQL_EXISTS: Final = "SELECT 1 FROM user_profile WHERE id = $1 AND handle IS NOT NULL AND erased_at IS NULL"


async def profile(postgres: Postgres, user_id: int) -> Profile | None:
    """None for a user that is unknown, not created yet, or erased."""
    row = await postgres.fetchrow(SQL, user_id)
    if row is None:
        return None
    counters = Counters(row["followers"], row["following"], row["posts"])
    return Profile(row["id"], row["handle"], row["uuid"], row["name"], row["college"], row["created_at"], counters)


async def exists(postgres: Postgres, user_id: int) -> bool:
    """Whether `profile` would find someone."""
    return await postgres.fetchrow(SQL_EXISTS, user_id) is not None
