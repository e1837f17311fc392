"""Who is someone, for everybody to see?"""

from typing import Final

from feedmill.api.queries.counters import RECEIVED
from feedmill.api.times import shown
from feedmill.api.wire import Counters, Profile
from feedmill.runtime.postgres import Postgres

SQL: Final = """
SELECT u.id, u.handle, u.uuid, u.name, u.college, u.created_at,
       (SELECT count(*) FROM follow_edge WHERE followee_id = u.id AND active)
        - (SELECT count(*) FROM user_profile gone JOIN follow_edge f
               ON f.follower_id = gone.id AND f.followee_id = u.id AND f.active
            WHERE gone.erased_at IS NOT NULL) AS followers,
       (SELECT count(*) FROM follow_edge f LEFT JOIN user_profile gone ON gone.id = f.followee_id
         WHERE f.follower_id = u.id AND f.active AND gone.erased_at IS NULL) AS following,
       (SELECT count(*) FROM object
         WHERE author_id = u.id AND deleted_at IS NULL AND type <> 'comment') AS posts
  FROM user_profile u
 WHERE u.id = $1 AND u.handle IS NOT NULL AND u.erased_at IS NULL"""

SQL_EXISTS: Final = "SELECT 1 FROM user_profile WHERE id = $1 AND handle IS NOT NULL AND erased_at IS NULL"


async def profile(postgres: Postgres, user_id: int, viewer_id: int | None) -> Profile | None:
    """As `viewer_id` (None: a machine) sees it. None for a user that is unknown, not created yet, or erased."""
    row = await postgres.fetchrow(SQL, user_id)
    if row is None:
        return None
    got = await postgres.fetchrow(RECEIVED, user_id, viewer_id)
    assert got is not None
    counters = Counters(row["followers"], row["following"], row["posts"], *got)
    return Profile(
        row["id"], row["handle"], row["uuid"], row["name"], row["college"], shown(row["created_at"]), counters
    )


async def exists(postgres: Postgres, user_id: int) -> bool:
    """Whether `profile` would find someone."""
    return await postgres.fetchrow(SQL_EXISTS, user_id) is not None
