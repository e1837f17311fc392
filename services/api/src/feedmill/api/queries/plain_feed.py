"""The home feed of a plain reader, in the shortest statement: most pages are of one.

Plain is who is there and pushed to along every edge, has no rows left of somebody unfollowed, mutes and blocks nobody,
and is blocked by nobody. Then a page is a range of `home_feed`, and what is left to ask of each row is whether its
actor and what it is about are still there: the row itself is as good as its edge.
The statement itself looks whether the reader is plain, in its own snapshot: where it is not, or where the page goes
beyond what is pushed, it says so, and `queries.home_feed` asks at length. So nothing is missed in between.

It answers several readers at once, those who ask while others are being answered: to begin a statement of so many
parts costs as much as a page does.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from feedmill.api.batching import Batching
from feedmill.api.cursor import Key, Positions
from feedmill.api.queries.activities import NOT_TAKEN_BACK, VISIBLE_USER
from feedmill.api.queries.rendered import POSITIONS_NOW, Written, a_user, by_partition, item, posted
from feedmill.api.settings import PageSettings
from feedmill.runtime import metrics
from feedmill.runtime.postgres import Postgres

_ANOTHER: Final = "(SELECT shown FROM user_profile WHERE id = {id})"


def _posted(kind: str, thing: str) -> str:
    """JSON; null where it may not be seen: not there (yet), deleted, its author erased."""
    author = (
        f"CASE WHEN {thing}.author_id = c.actor_id THEN u.shown ELSE {_ANOTHER.format(id=f'{thing}.author_id')} END"
    )
    written = posted(f"{thing}.type", f"{thing}.id", thing, author)
    return f"""(SELECT {written} FROM object {thing}
                 WHERE {thing}.type = c.{kind}_type AND {thing}.id = c.{kind}_id AND {thing}.deleted_at IS NULL)"""  # noqa: S608 (names of ours)


_ASKED: Final = "unnest($1::bigint[], $2::timestamptz[], $3::uuid[], $4::int[])"
"""Of each page: the reader, the key to go on after, and how many items with one more."""
_POSITIONS: Final = "$5::bigint[][]"
"""Of each page the positions its walk began at, by partition; null where it begins now, and where all do."""
ROWS_LOOKED_AT: Final = 200
"""Rows beyond a page's that are looked at for it. Where so many show nothing (somebody with many was unfollowed), the
page is asked at length."""


def _applied(table: str, offset: str = "source_offset") -> str:
    """`queries.activities.applied`, of the page `asked`."""
    began_at = f"({_POSITIONS})[asked.place][{table}.source_partition + 1]"
    return f"({began_at} IS NULL OR {table}.{offset} <= {began_at})"


_RANGE: Final = f"""
            SELECT * FROM home_feed c
             WHERE c.reader_id = asked.id AND (c.occurred_at, c.event_id) < (asked.before_at, asked.before_id)
               AND c.occurred_at >= (SELECT complete_from FROM mark) AND {_applied("c")}
             ORDER BY c.occurred_at DESC, c.event_id DESC"""  # noqa: S608 (a constant of ours)

_PAGE: Final = f"""
WITH mark AS MATERIALIZED (
    SELECT complete_from FROM feed_reader
     WHERE reader_id = asked.id AND {_applied("feed_reader", "began_offset")}
       AND EXISTS (SELECT FROM user_profile WHERE id = asked.id AND {VISIBLE_USER})
       AND NOT EXISTS (
           SELECT FROM follow_edge WHERE follower_id = asked.id AND active AND push < 2 AND followee_id <> asked.id)
       AND NOT EXISTS (SELECT FROM follow_edge WHERE follower_id = asked.id AND rows_left)
       AND NOT EXISTS (SELECT FROM user_edge WHERE actor_id = asked.id AND kind = 'mute' AND active)
       AND NOT EXISTS (SELECT FROM user_edge WHERE actor_id = asked.id AND kind = 'block' AND active)
       AND NOT EXISTS (SELECT FROM user_edge WHERE object_id = asked.id AND kind = 'block' AND active)),
page AS (
    SELECT {item("u.shown", "about.object", "about.target")} AS item, c.occurred_at, c.event_id
      FROM ({_RANGE} LIMIT asked.most + {ROWS_LOOKED_AT}) c
     CROSS JOIN LATERAL (SELECT shown FROM user_profile WHERE id = c.actor_id AND shown IS NOT NULL OFFSET 0) u
     CROSS JOIN LATERAL (
            SELECT CASE WHEN c.object_type IS NULL THEN 'null'
                        WHEN c.object_type = 'user' THEN {a_user(_ANOTHER.format(id="c.object_id"))}
                        ELSE {_posted("object", "o")} END AS object,
                   CASE WHEN c.target_type IS NULL THEN 'null' ELSE {_posted("target", "t")} END AS target
            OFFSET 0) about
     WHERE {NOT_TAKEN_BACK.format(said="coalesce(c.origin_offset, c.source_offset)")}
       AND about.object IS NOT NULL AND about.target IS NOT NULL
     ORDER BY c.occurred_at DESC, c.event_id DESC
     LIMIT asked.most)
SELECT array_agg(item) AS items,
       (array_agg(occurred_at))[asked.most - 1] AS last_at, (array_agg(event_id))[asked.most - 1] AS last_id,
       CASE WHEN count(*) < asked.most
            THEN (SELECT complete_from = '-infinity' FROM mark)
                 AND NOT EXISTS ({_RANGE} OFFSET asked.most + {ROWS_LOOKED_AT} - 1)
            ELSE true END AS all_pushed
  FROM page"""  # noqa: S608 (names of ours)

SQL: Final = f"""
SELECT page.*, CASE WHEN asked.place = 1 THEN {POSITIONS_NOW} END
  FROM {_ASKED} WITH ORDINALITY AS asked(id, before_at, before_id, most, place)
 CROSS JOIN LATERAL ({_PAGE}) page
 ORDER BY asked.place"""  # noqa: S608 (names of ours)


class Asked(NamedTuple):
    """One page; positions: those of the walk's first page, None where this is it."""

    reader_id: int
    before: Key
    limit: int
    positions: Positions | None


class Found(NamedTuple):
    """A page's row: the items and one more; whether all is pushed, None for who is not plain.

    positions: those of the statement's own snapshot, in the first row alone.
    """

    items: list[str] | None
    last_at: datetime | None
    last_id: UUID | None
    all_pushed: bool | None
    positions: list[list[int]] | None


_DEFAULTS: Final = PageSettings()


class Plain:
    """Asks plainly those who may be plain, as one `Postgres`'s memory has it: wrong, it costs a round trip."""

    MAX_REMEMBERED: Final = 100_000

    def __init__(
        self, postgres: Postgres, settings: PageSettings = _DEFAULTS, clock_s: Callable[[], float] = monotonic
    ) -> None:
        self._postgres = postgres
        self._at_length_s = settings.at_length_s
        self._clock_s = clock_s
        self._pages = Batching(self._ask, at_once=settings.statements_at_once, most=settings.pages_a_statement)
        self._others_until_s: dict[int, float] = {}

    async def page(self, *, reader_id: int, before: Key, limit: int, positions: Positions | None) -> Written | None:
        """None: ask at length."""
        until_s = self._others_until_s.get(reader_id)
        if until_s is not None and self._clock_s() < until_s:
            return None
        found, now, how = await self._pages.answer(Asked(reader_id, before, limit, positions))
        if found.all_pushed is None:
            self._remember(reader_id)
            return None
        items, began_at = found.items, now if positions is None else positions
        page: Written | None = None
        if items is not None and len(items) > limit:
            assert found.last_at is not None
            assert found.last_id is not None
            page = Written(",".join(items[:limit]), Key(found.last_at, found.last_id), began_at)
        elif found.all_pushed:
            page = Written(",".join(items or ()), None, began_at)
        if page is not None:
            metrics.HOME_PAGES.at(how).inc()
        return page

    async def _ask(self, pages: Sequence[Asked]) -> list[tuple[Found, Positions, str]]:
        """Each page's row, how far the store was when they were read, and whether that was alone or together."""
        readers, befores, limits, began_at = zip(*pages, strict=True)
        rows = await self._postgres.fetch(
            SQL,
            readers,
            [before.occurred_at for before in befores],
            [before.event_id for before in befores],
            [limit + 1 for limit in limits],
            _array_of(began_at),
        )
        found = [Found(*row) for row in rows]
        now = by_partition(found[0].positions)
        how = "alone" if len(pages) == 1 else "together"
        return [(one, now, how) for one in found]

    def _remember(self, reader_id: int) -> None:
        if len(self._others_until_s) >= self.MAX_REMEMBERED:
            self._others_until_s.clear()
        self._others_until_s[reader_id] = self._clock_s() + self._at_length_s


def _array_of(began_at: Sequence[Positions | None]) -> list[list[int | None]] | None:
    """A row each, all of one length; None where none of them says anything."""
    longest = max(len(positions or ()) for positions in began_at)
    if longest == 0:
        return None
    return [[*(positions or ()), *[None] * (longest - len(positions or ()))] for positions in began_at]
