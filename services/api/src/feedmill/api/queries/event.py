"""Is an event applied, and when did it pass where?"""

from typing import Final
from uuid import UUID

from feedmill.runtime.postgres import Postgres, Row

SQL: Final = """
SELECT verb, actor_id, object_type, object_id, source_partition, source_offset, enriched_offset,
       accepted_at, enriched_at, applied_at
  FROM activity
 WHERE event_id = $1"""


async def event(postgres: Postgres, event_id: UUID) -> Row | None:
    """The activity's row; None while it is not applied."""
    return await postgres.fetchrow(SQL, event_id)
