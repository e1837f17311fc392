"""Who may read what: the one function that decides."""

from enum import Enum

from feedmill.runtime.auth import KeyNotValid, Principal
from feedmill.runtime.problem import Kind, Problem


class Reading(Enum):
    """What is read."""

    PUBLIC = "profiles, objects, author and tag feeds, traces: any valid key"
    HOME_FEED = "a home feed: its owner's key, or scope feeds:read"
    NOTIFICATIONS = "notifications and read positions: as a home feed"
    FACTS = "what the warehouse says of anybody: scope analytics:read, or the family itself on a trusted network"
    OWN = "family A's own pages: a key that acts for a user"


def authorize(principal: Principal, reading: Reading, *, user_id: int | None = None) -> None:
    """Raises the Problem (403; for family A's pages KeyNotValid) where `principal` may not read it."""
    match reading:
        case Reading.PUBLIC:
            return
        case Reading.HOME_FEED:
            if user_id is None or not principal.may_read_home_of(user_id):
                raise Problem(Kind.FORBIDDEN, "A home feed is read with its owner's key or with scope feeds:read.")
        case Reading.NOTIFICATIONS:
            if user_id is None or not principal.may_read_home_of(user_id):
                raise Problem(Kind.FORBIDDEN, "Notifications are read with their owner's key or with scope feeds:read.")
        case Reading.FACTS:
            if not (principal.may("analytics:read") or principal.owner.startswith("family:")):
                raise Problem(Kind.FORBIDDEN, "Readings are seen with scope analytics:read.")
        case Reading.OWN:
            if principal.user_id is None:
                raise KeyNotValid
