"""What decides, for one reader, whether an activity is in the home feed: whom the reader follows, mutes and blocks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from feedmill.api.queries.tail import EDGE_VERBS, SQL_EDGES, Applied
from feedmill.contracts.verbs import FEED_VERBS
from feedmill.runtime.postgres import Postgres, Row

_EDGE_VERBS: Final = frozenset(EDGE_VERBS)
_BLOCKS: Final = frozenset({"block", "unblock"})


@dataclass(frozen=True, slots=True)
class Edges:
    """follows: followee -> since, None: all of the past."""

    follows: Mapping[int, datetime | None]
    muted: frozenset[int]
    blocked: frozenset[int]

    def shows(self, row: Row) -> bool:
        """Whether an activity (hydrated, and to be seen by somebody) is in this reader's home feed."""
        actor_id = row["actor_id"]
        if row["verb"] not in FEED_VERBS or actor_id not in self.follows or actor_id in self.muted:
            return False
        since = self.follows[actor_id]
        if since is not None and row["occurred_at"] < since:
            return False
        if not self.blocked:
            return True
        of_user = row["object_id"] if row["object_type"] == "user" else None
        return self.blocked.isdisjoint((actor_id, of_user, row["author_id"], row["t_author_id"]))


NOBODY: Final = Edges({}, frozenset(), frozenset())


async def edges_of(postgres: Postgres, readers: Iterable[int]) -> dict[int, Edges]:
    """As they are now, of those who are there; one question for all."""
    rows = await postgres.fetch(SQL_EDGES, list(readers))
    return {
        row["id"]: Edges(
            dict(zip(row["followees"], row["sinces"], strict=True)), frozenset(row["muted"]), frozenset(row["blocked"])
        )
        for row in rows
    }


def changed_by(applied: Applied) -> tuple[int, ...]:
    """Whose edges an activity changes."""
    if applied.verb not in _EDGE_VERBS:
        return ()
    if applied.verb in _BLOCKS and applied.object_id is not None:
        return (applied.actor_id, applied.object_id)
    return (applied.actor_id,)
