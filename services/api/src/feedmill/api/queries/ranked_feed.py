"""The home feed by what it got: `score = points * 0.5 ** (age / half-life)`.

`points = 1 + likers + 2 * shares + 3 * comments` of the item's object, as the reader sees them. Halving with age makes
the order the same at any time: it is that of `occurred_at + half-life * log2(points)`, a time, so a page ends at a key
of it as every other page does. Ranked are the newest items of the home feed, as many as the window holds; a walk
through the pages keeps to the window, and to the counts, that it began with, but for what is taken back meanwhile.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import log2
from typing import Final

import msgspec

from feedmill.api.cursor import NEWEST, Key, Positions
from feedmill.api.queries.counters import COMMENTED, COUNTED
from feedmill.api.queries.hidden import HIDDEN
from feedmill.api.queries.home_items import Item, Ref, home_items
from feedmill.api.settings import RankSettings
from feedmill.api.wire import ScoreTerms
from feedmill.runtime.postgres import Postgres

SHARE_POINTS: Final = 2
COMMENT_POINTS: Final = 3

_THEN: Final = """
          AND ($4::bigint[] IS NULL OR ($4::bigint[])[a.source_partition + 1] IS NULL
               OR a.source_offset <= ($4::bigint[])[a.source_partition + 1])"""

SQL: Final = f"""
WITH {HIDDEN.format(viewer="$3")}
SELECT o.type, o.id, liked.likers, liked.shares, commented.comments
  FROM unnest($1::text[], $2::bigint[]) AS o (type, id)
 CROSS JOIN LATERAL ({COUNTED}{_THEN}) AS liked
 CROSS JOIN LATERAL ({COMMENTED}{_THEN}) AS commented"""  # noqa: S608 (constants of ours)

Terms = tuple[int, int, int]
"""likers, shares, comments"""
NOTHING: Final[Terms] = (0, 0, 0)


class Ranked(msgspec.Struct, frozen=True):
    """Items as JSON with their score, best first; next: the key to go on after."""

    items: list[bytes]
    next: Key | None
    positions: Positions


async def ranked_feed(
    postgres: Postgres,
    settings: RankSettings,
    *,
    reader_id: int,
    before: Key,
    limit: int,
    positions: Positions | None,
) -> Ranked:
    """One page, best first. `before` is a key of the ranking, or NEWEST."""
    window = await home_items(
        postgres, reader_id=reader_id, before=NEWEST, limit=settings.window_items, positions=positions
    )
    terms = await terms_of(postgres, (item.object for item in window.items), reader_id, window.positions)
    half_life = timedelta(seconds=settings.half_life_s)
    placed = sorted(
        ((boosted(item, terms.get(_name(item.object), NOTHING), half_life), item) for item in window.items),
        key=lambda one: one[0],
        reverse=True,
    )
    left = [one for one in placed if one[0] < before]
    page = left[:limit]
    now = datetime.now(UTC)
    shown = [_shown(item, terms.get(_name(item.object), NOTHING), now, half_life) for _, item in page]
    return Ranked(shown, page[-1][0] if len(left) > limit else None, window.positions)


async def terms_of(
    postgres: Postgres, objects: Iterable[Ref | None], viewer_id: int, positions: Positions | None
) -> dict[tuple[str, int], Terms]:
    """What each object had got at these positions (None: now), as the viewer sees it; one question for all."""
    named = sorted({_name(one) for one in objects if one is not None and one.type != "user"})
    if not named:
        return {}
    types, ids = [type_ for type_, _ in named], [id_ for _, id_ in named]
    rows = await postgres.fetch(SQL, types, ids, viewer_id, positions)
    return {(row["type"], row["id"]): (row["likers"], row["shares"], row["comments"]) for row in rows}


def points_of(terms: Terms) -> int:
    likers, shares, comments = terms
    return 1 + likers + SHARE_POINTS * shares + COMMENT_POINTS * comments


def boosted(item: Item, terms: Terms, half_life: timedelta) -> Key:
    """When it would have to happen to stand here with one point: the order of the scores at any time."""
    return Key(item.key.occurred_at + half_life * log2(points_of(terms)), item.key.event_id)


def score_of(terms: Terms, occurred_at: datetime, now: datetime, half_life: timedelta) -> ScoreTerms:
    """The score and all it is made of."""
    age_s, half_life_s = (now - occurred_at).total_seconds(), half_life.total_seconds()
    points = points_of(terms)
    return ScoreTerms(points * 0.5 ** (age_s / half_life_s), points, *terms, age_s, half_life_s)


def _shown(item: Item, terms: Terms, now: datetime, half_life: timedelta) -> bytes:
    score = msgspec.json.encode(score_of(terms, item.key.occurred_at, now, half_life))
    return bytes(item.json)[:-1] + b',"score":' + score + b"}"


def _name(thing: Ref | None) -> tuple[str, int]:
    return ("", 0) if thing is None else (thing.type, thing.id)
