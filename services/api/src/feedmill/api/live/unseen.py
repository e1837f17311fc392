"""Activities that were applied before what they speak of: shown once that is there."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from feedmill.api.queries.tail import Applied
from feedmill.runtime.postgres import Row

MAX_KEPT: Final = 256
_MAKES: Final = frozenset({"post", "comment", "user-created"})


class Unseen:
    """The newest few; what is older shows on the next page that is read."""

    def __init__(self) -> None:
        self._kept: dict[UUID, None] = {}

    def note(self, row: Row) -> None:
        """Keep it where its object or target has no author yet, or the user it speaks of is not there."""
        object_type = row["object_type"]
        of_nobody = object_type is not None and row["who_handle" if object_type == "user" else "author_id"] is None
        if not row["seen"] and (of_nobody or (row["target_type"] is not None and row["t_author_id"] is None)):
            self._kept[row["event_id"]] = None
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]

    def to_ask(self, applied: Iterable[Applied]) -> list[UUID]:
        """Those to look at again, where something was made."""
        return list(self._kept) if self._kept and any(one.verb in _MAKES for one in applied) else []

    def forget(self, event_id: UUID) -> None:
        self._kept.pop(event_id, None)
