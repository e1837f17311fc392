"""One partition's log applied to Postgres by the sink's own code, readers of its home feeds, and a tender."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg2

from feedmill.contracts.times import format_time
from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.postgres.apply import Move
from feedmill.feed_writer.postgres.sink import first_of_each
from feedmill.feed_writer.postgres.store import PostgresStore
from feedmill.feed_writer.postgres.tender import FeedTender
from feedmill.feed_writer.settings import FeedSettings
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.testkit.enriched import a_record, an_activity
from feedmill.testkit.reader import Reader
from feedmill.testkit.state import BEGIN

P0 = TopicPartition(ACTIVITY_ENRICHED.name, 0)


@dataclass
class Stage:
    """One partition's log, applied to a store; a reader of its feeds; a tender that works when told."""

    dsn: str
    store: PostgresStore
    reader: Reader
    told: int = 0

    def happens(
        self, verb: str, actor: int, thing: int, *, type: str = "user", at: int | None = None, since: int | None = None
    ) -> None:
        """`at`, `since`: seconds after the beginning; else each a second later than the one before."""
        self.write([self.said(verb, actor, thing, type=type, at=at, since=since)])

    def said(
        self, verb: str, actor: int, thing: int, *, type: str = "user", at: int | None = None, since: int | None = None
    ) -> Record:
        """The next record of the log; not written yet."""
        second = self.told if at is None else at
        content = {"content": f"{verb} {thing}"} if verb == "post" else {}
        said = an_activity(
            verb,
            actor,
            object={"type": type, "id": thing, **content},
            occurred_at=_time(second),
            since=None if since is None else _time(since),
        )
        self.told += 1
        return a_record(said, offset=self.told - 1)

    def write(self, records: Sequence[Record]) -> None:
        """As one batch."""
        position = self.store.positions([P0])
        decoded = decode(records, position, find_holes=False)
        assert not decoded.rejected
        moves = {tp: Move(position[tp], new) for tp, new in decoded.moved.items()}
        self.store.write(first_of_each(decoded.rows), moves)

    def posts(self, actor: int, *numbers: int, at: int | None = None) -> None:
        for number in numbers:
            self.happens("post", actor, number, type="post", at=at)

    def tend(self, **settings: Any) -> None:
        """As often as it takes."""
        self.reader.client.portal.call(self.reader.readers.write)  # type: ignore[union-attr]
        tender = FeedTender(self.dsn, FeedSettings(**settings), threading.Event())
        with closing(tender):
            for _ in range(3):
                assert tender._lead()
                tender.tick()

    def home(self, limit: int = 3) -> list[int]:
        """The posts of user 1's home feed, through every page."""
        return self.pages(f"/v1/users/1/feed?limit={limit}", limit)

    def pages(self, path: str, limit: int) -> list[int]:
        """The posts from this page on."""
        numbers = list[int]()
        while path:
            answer = self.reader.get(path)
            assert answer.status_code == 200, answer.text
            items = answer.json()["items"]
            assert len(items) == limit or answer.json()["next"] is None
            numbers += [item["object"]["id"] for item in items]
            after = answer.json()["next"]
            path = f"/v1/users/1/feed?limit={limit}&cursor={after}" if after else ""
        return numbers

    def rows(self) -> list[int]:
        """Posts pushed to user 1, newest first."""
        return [n for (n,) in self.query("SELECT object_id FROM home_feed WHERE reader_id = 1 ORDER BY 1 DESC")]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def _time(second: int) -> str:
    return format_time(BEGIN + timedelta(seconds=second))
