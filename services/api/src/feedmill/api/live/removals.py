"""What is taken out of home feeds by a deed of somebody else's: told as what is gone, without a list of items.

A client drops every item that a removal names. It is told to whoever may have been shown one, and to some who were not.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from feedmill.api.queries import tail
from feedmill.api.queries.tail import Applied
from feedmill.runtime.postgres import Postgres

TAKEN_BACK: Final = frozenset({"unlike", "unrecommend", "disconnect"})
"""The actor's earlier deed with this object is gone."""
ENDS: Final = TAKEN_BACK | {"delete", "user-erased"}

Thing = tuple[str | None, int | None]
"""Type and id."""
Actors = Mapping[Thing, Collection[int] | None]
"""Deleted object -> who made it, or did something with it that feeds show; None: more than are asked for."""
ACTORS_MOST: Final = 1_000
"""A deletion of an object that more people did something with is told to everybody."""


async def actors_around(postgres: Postgres, applied: Iterable[Applied]) -> Actors:
    """Of the objects deleted here."""
    deleted = {(one.object_type, one.object_id) for one in applied if one.verb == "delete"}
    if not deleted:
        return {}
    types, ids = zip(*deleted, strict=True)
    found: dict[Thing, list[int]] = {}
    for row in await postgres.fetch(tail.SQL_AROUND, list(types), list(ids), ACTORS_MOST + 1):
        found.setdefault((row["type"], row["id"]), []).append(row["actor_id"])
    return {thing: set(actors) if len(actors) <= ACTORS_MOST else None for thing, actors in found.items()}


def said_of(one: Applied) -> dict[str, object] | None:
    """What `removed` says; None: nothing is gone by this activity."""
    if one.verb not in ENDS:
        return None
    thing = {"type": one.object_type, "id": one.object_id}
    if one.verb in TAKEN_BACK:
        return {"reason": one.verb, "actor": {"id": one.actor_id}, "object": thing}
    return {"reason": one.verb, "object": thing}


def readers_of(
    one: Applied, around: Actors, readers: Mapping[int, Collection[int]], everybody: Iterable[int]
) -> set[int]:
    """Who is told. readers: author -> those here who follow; an erased user's traces may be in anyone's feed."""
    actors: Collection[int] | None = (one.actor_id,)
    if one.verb == "user-erased":
        actors = None
    elif one.verb == "delete":
        actors = around.get((one.object_type, one.object_id), ())
    elif one.verb == "disconnect" and one.object_id is not None:
        actors = (one.actor_id, one.object_id)
    if actors is None:
        return set(everybody)
    return {reader for actor in actors for reader in readers.get(actor, ())}
