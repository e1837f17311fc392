"""Who is not seen by whom, as the kinds of feed that are not home need it."""

import re
from typing import Final

from feedmill.api.queries.activities import COLUMNS, HIDDEN_FROM

_AND_MUTED: Final = """,
hidden AS MATERIALIZED (
    SELECT id FROM blocked
     UNION ALL
    SELECT object_id FROM user_edge WHERE actor_id = {viewer} AND kind = 'mute' AND active)"""

HIDDEN: Final = HIDDEN_FROM + _AND_MUTED
"""`blocked` (a block stands between) and `hidden` (those, and whom the viewer muted); the viewer null: nobody."""

SEEN_ACTOR: Final = "u.handle IS NOT NULL AND u.erased_at IS NULL AND u.id NOT IN (SELECT id FROM hidden)"
"""Of `user_profile u`, beside the CTE `hidden`: the deeds of such a user count."""

LIKE_STANDS: Final = """NOT EXISTS (
     SELECT FROM object_like l
      WHERE l.actor_id = a.actor_id AND l.object_type = a.object_type AND l.object_id = a.object_id
        AND l.ended_offset >= 0 AND l.ended_offset > coalesce(a.origin_offset, a.source_offset))"""
"""Of `activity a`, a like: no later unlike took it back. `>= 0`: by the index of those that any unlike was said of."""


def columns_of(alias: str) -> str:
    """A candidate's columns, of `activity` under this name."""
    return re.sub(r"\b(?!coalesce|AS\b|said_offset)(\w+)\b", rf"{alias}.\1", COLUMNS)
