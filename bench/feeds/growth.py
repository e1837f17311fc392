"""What a page, a post and a follow cost while the tables grow from 10,000 to 10,000,000 rows of feeds; and a picture.

One platform, one database that grows; the callers are the same people at every size.
docs/feeds-growth.svg is drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from bench.feeds.follows import Caller, caller_of
from bench.feeds.picture import Line, draw
from bench.feeds.world import FIRST_AUTHOR, FIRST_READER, Network, build
from bench.harness import Figure, Plan, Told, at_most, quantile
from feedmill.testkit.platform import Platform

READERS = (20, 200, 2_000, 20_000)
POSTS, FOLLOWS = 25, 20
"""A reader has 500 rows."""
LOOKS = 300
PICTURE = Path(__file__).parent.parent.parent / "docs" / "feeds-growth.svg"
TALKERS = Network(
    authors=50, posts=1, readers=400, follows=0,
    first_author=FIRST_AUTHOR + 800_000, first_reader=FIRST_READER + 800_000, first_object=9_900_000,
)  # fmt: skip
"""Each author has twenty of the readers below; none of their followers follows anybody at the start."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, medians, at a size."""

    rows: int
    page: float
    post: float
    follow: float


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    dsn = platform.connections.postgres
    build(dsn, TALKERS)
    costs = list[Cost]()
    before = Network(authors=0, posts=POSTS, readers=0, follows=FOLLOWS)
    with caller_of(platform) as caller:
        for step, readers in enumerate(READERS):
            grown = _next(before, readers - sum(READERS[:step][-1:]))
            told(f"{readers * POSTS * FOLLOWS:,} rows")
            build(dsn, grown)
            _befriend(dsn, grown)
            costs.append(_measured(caller, grown, step, plan))
            told(str(costs[-1]))
            before = grown
    _drawn(costs)
    return [
        Figure(
            "growth", f"a {what}, 10 M rows of feeds", "ms", [getattr(costs[-1], what)], [getattr(costs[0], what)],
            "ms at 10 k", at_most(1.25) if what == "page" else None,
        )
        for what in ("page", "post", "follow")
    ]  # fmt: skip


def _next(before: Network, readers: int) -> Network:
    """More of the same, of ids of their own."""
    return Network(
        authors=readers, posts=POSTS, readers=readers, follows=FOLLOWS,
        first_author=before.first_author + before.authors, first_reader=before.first_reader + before.readers,
        first_object=before.first_object + before.authors * POSTS,
    )  # fmt: skip


def _befriend(dsn: str, grown: Network) -> None:
    """Twenty of the newest readers are pushed to by each who talks."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE follow_edge SET active = false, push = 0 WHERE followee_id BETWEEN %s AND %s",
            (TALKERS.first_author, TALKERS.first_author + TALKERS.authors - 1),
        )
        cursor.execute(
            "INSERT INTO follow_edge (follower_id, followee_id, active, followed_at, origin_offset, push)"
            " SELECT %s + (a * 7 + n) %% %s, %s + a, true, now(), -1, 2"
            "   FROM generate_series(0, %s) a, generate_series(0, 19) n ON CONFLICT DO NOTHING",
            (grown.first_reader, grown.readers, TALKERS.first_author, TALKERS.authors - 1),
        )


def _measured(caller: Caller, grown: Network, step: int, plan: Plan) -> Cost:
    looks = plan.records(LOOKS, at_least=100) if plan.scale < 1 else LOOKS
    readers = list(grown.reader_ids())
    some = [readers[(number * 7919) % len(readers)] for number in range(looks)]
    for reader in some[:50]:
        caller.read(reader)
    page = [caller.read(reader) for reader in some]
    post = [caller.write(TALKERS.first_author + number % TALKERS.authors) for number in range(looks)]
    newcomers = list(TALKERS.reader_ids())[step * 100 : step * 100 + 100]
    follow = [caller.say("follow", who, grown.first_author + who % grown.authors) for who in newcomers]
    medians = (quantile(each, 0.5) for each in (page, post, follow))
    return Cost((grown.first_reader + grown.readers - FIRST_READER) * POSTS * FOLLOWS, *medians)


def _drawn(costs: Sequence[Cost]) -> None:
    rows = [cost.rows for cost in costs]
    lines = [
        Line("follow, applied", [cost.follow for cost in costs]),
        Line("post to 20 followers, applied", [cost.post for cost in costs]),
        Line("page of 20 by GET", [cost.page for cost in costs]),
    ]
    PICTURE.write_text(draw("What it costs as feeds grow", "rows of home feeds", "milliseconds, median", rows, lines))
