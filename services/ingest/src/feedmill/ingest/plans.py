"""Per verb, worked out once at start: what the hot loop would else work out for every event."""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from feedmill.contracts import headers, topics
from feedmill.contracts.envelope import VERB_OF, EventClass
from feedmill.contracts.verbs import Verb


class Needs(Enum):
    """What must be asked before an event can be published."""

    NOTHING = auto()
    OBJECT_ID = auto()
    AUTHOR = auto()
    BACKFILL = auto()


_NEEDS: Final = {
    "post": Needs.OBJECT_ID,
    "comment": Needs.OBJECT_ID,
    "delete": Needs.AUTHOR,
    "follow": Needs.BACKFILL,
}
_ACTOR_OF: Final[Mapping[str, Callable[[Any], str]]] = {
    "read": lambda data: str(data.user_id),
    "content-meta": lambda data: "",
    "article": lambda data: "",
}


class Plan(NamedTuple):
    """A tuple, to be unpacked at once. `actor_of` is asked only where the actor is not `actor_id`."""

    verb: Verb
    topic: str
    type: str
    type_header: tuple[str, str]
    needs: Needs
    is_activity: bool
    key_is_actor: bool
    actor_of: Callable[[Any], str]

    @classmethod
    def of(cls, verb: Verb) -> "Plan":
        actor_of = _ACTOR_OF.get(verb.name)
        return cls(
            verb=verb,
            topic=verb.topic.name,
            type=verb.type,
            type_header=(headers.CE_TYPE, verb.type),
            needs=_NEEDS.get(verb.name, Needs.NOTHING),
            is_activity=verb.topic is topics.ACTIVITY_PUBLISHED,
            key_is_actor=verb.name not in ("connect", "disconnect") and actor_of is None,
            actor_of=actor_of or (lambda data: str(data.actor_id)),
        )


PLANS: Final[Mapping[EventClass, Plan]] = {class_: Plan.of(verb) for class_, verb in VERB_OF.items()}
"""Class of a decoded event -> its plan."""
