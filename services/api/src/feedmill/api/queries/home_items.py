"""Items of the home feed, taken apart just enough to be ranked and grouped; what is shown of them stays as written."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from feedmill.api.cursor import Key, Positions
from feedmill.api.queries.home_feed import home_feed
from feedmill.api.wire import Actor
from feedmill.runtime.postgres import Postgres


class Ref(Struct, frozen=True, gc=False):
    type: str
    id: int


class _Seen(Struct, frozen=True, gc=False):
    activity_id: UUID
    verb: str
    actor: Actor
    object: Ref | None
    target: Ref | None
    occurred_at: datetime


class Item(Struct, frozen=True, gc=False):
    """One item: what is asked of it, and its JSON."""

    key: Key
    verb: str
    actor: Actor
    object: Ref | None
    target: Ref | None
    json: Raw

    @property
    def about(self) -> Ref | None:
        """What it is about: a comment is about its target."""
        return self.target or self.object


_raws: Final = msgspec.json.Decoder(list[Raw]).decode
_seen: Final = msgspec.json.Decoder(_Seen).decode


class Items(Struct, frozen=True):
    """items: newest first; next: the key to go on after; positions: where this walk began."""

    items: list[Item]
    next: Key | None
    positions: Positions


async def home_items(
    postgres: Postgres, *, reader_id: int, before: Key, limit: int, positions: Positions | None
) -> Items:
    """One page of the home feed."""
    page = await home_feed(postgres, reader_id=reader_id, before=before, limit=limit, positions=positions)
    return Items([_item(raw) for raw in _raws(f"[{page.items}]")], page.next, page.positions)


def _item(raw: Raw) -> Item:
    seen = _seen(raw)
    return Item(Key(seen.occurred_at, seen.activity_id), seen.verb, seen.actor, seen.object, seen.target, raw)
