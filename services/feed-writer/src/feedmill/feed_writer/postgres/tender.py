"""Looks after home feeds beside the sink, in a thread and with a connection of its own: never on a post's way.

One process of all does it (an advisory lock that ends with the connection). Each step is a short transaction that
leaves every feed right, so a kill anywhere costs nothing but the step.

fill     readers who ask for it get their pulled edges pushed
review   authors are measured; one that became dear is pulled, edge by edge, one that became cheap is pushed again
round    every reader in turn: trimmed, audited, mended and swept; who has not read for long is pushed to no more
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as PostgresCursor

from feedmill.feed_writer.settings import FeedSettings
from feedmill.runtime import metrics
from feedmill.runtime.feeds import audit, authors, rows
from feedmill.runtime.feeds.authors import Author
from feedmill.runtime.outcome import Fatal

log = logging.getLogger("feedmill.feeds")

LOCK_KEY: Final = 7_233_001
"""Of the advisory lock; the number means nothing."""
CONNECT_TIMEOUT_S: Final = 5
AGAIN_S: Final = 1.0
"""Between tries to reach Postgres or to become the one who tends."""
GAUGES_S: Final = 10.0
DECIDED_S: Final = 5.0
"""How long a decision about an author stands while readers are filled."""
QUIET_LOOK_S: Final = 0.002
END_S: Final = 3.0
"""For the step under way at the end; a frozen Postgres does not hold the process up for longer."""
_SESSION: Final = (
    "SET statement_timeout = 30000; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 10000;"
    "SET timezone = 'UTC'; SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET synchronous_commit = off"
)
"""Nobody waits for a disk on its account, nor behind it: a step that a crash of Postgres takes back is done again, and
what was written in the knowledge of a step is in the log behind it.
"""

_RECOVER: Final = "WITH " + rows.asking(
    "EXISTS (SELECT FROM follow_edge WHERE follower_id = reader_id AND active AND push = 1)"
)
_LEFT_OVER: Final = """
SELECT author_id FROM feed_author
 WHERE mode = 'pull' AND EXISTS (SELECT FROM follow_edge WHERE followee_id = author_id AND push > 0)
"""
_INACTIVE: Final = """
SELECT reader_id FROM feed_reader
 WHERE reader_id = ANY(%(readers)s) AND read_at < now() - make_interval(secs => %(after_s)s)
"""


class FeedTender:
    """`run` until `stop`. Everything else than an error of Postgres ends the process: the caller sees to it."""

    def __init__(self, dsn: str, settings: FeedSettings, stop: threading.Event) -> None:
        self._dsn = dsn
        self._settings = settings
        self._stop = stop
        self._limits = rows.Limits(settings.depth_rows, settings.readers_an_author, settings.rows_an_hour)
        self._connection: Connection | None = None
        self._leads = False
        self._stopping: set[int] = set()
        self._decided: dict[int, tuple[float, bool]] = {}
        self._round = _Round(settings)
        self._gauges_at_s = 0.0

    def run(self) -> None:
        """Until told to stop."""
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            pause_s = self._settings.tick_ms / 1_000
            try:
                if self._lead():
                    self.tick()
                else:
                    pause_s = AGAIN_S
            except psycopg2.Error as error:
                log.warning("feeds wait: %s", str(error).strip().partition("\n")[0])
                self.close()
                pause_s = AGAIN_S
        self.close()

    def close(self) -> None:
        """Lets go of the lock with the connection."""
        connection, self._connection = self._connection, None
        self._leads = False
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def tick(self) -> None:
        """One step of everything."""
        while self.fill() and not self._stop.is_set():
            pass
        self.review()
        self._stop_pushing()
        self._go_round()
        self._show()

    def fill(self) -> int:
        """Readers who ask for it are filled, so many at once; how many."""
        began_s = time.perf_counter()
        with self._cursor() as cursor:
            if not rows.somebody_asks(cursor):
                return 0
        with self._transaction() as cursor:
            readers = rows.take_readers(cursor, most=self._settings.fill_readers)
            if not readers:
                return 0
            begun = rows.begin_pushing(cursor, readers, self._pushed_of(cursor, rows.candidates(cursor, readers)))
        metrics.FEED_EDGES_CHANGED.at("push").inc(begun)
        with self._cursor() as cursor:
            self._wait_for_those_before(cursor)
        for reader in readers:
            with self._transaction() as cursor:
                metrics.FEED_ROWS_PUSHED.at("fill").inc(rows.backfill(cursor, reader, self._limits))
        metrics.FEED_FILL_DURATION.at().observe(time.perf_counter() - began_s)
        return len(readers)

    def review(self) -> None:
        """Measure the authors whose measure is old."""
        with self._cursor() as cursor:
            asked = authors.due(cursor, after_s=self._settings.review_after_s, most=self._settings.review_authors)
        if not asked:
            return
        with self._transaction() as cursor:
            for author in authors.measure(cursor, asked, self._limits):
                self._decide(cursor, author)

    def look_after(self, readers: Sequence[int]) -> list[audit.Finding]:
        """Trim, audit, mend and sweep these; what was found wrong."""
        wrong = []
        with self._cursor() as cursor:
            inactive = self._inactive(cursor, readers)
        if inactive:
            with self._transaction() as cursor:
                rows.set_back(cursor, inactive := self._inactive(cursor, inactive), keep=False)
        gone = self._ended(active := sorted(set(readers) - set(inactive)))
        for reader in active:
            finding = self._look_at(reader, gone[reader])
            metrics.FEED_AUDITED.at("wrong" if finding.wrong else "right").inc()
            if finding.wrong:
                wrong.append(finding)
        return wrong

    def _look_at(self, reader: int, gone: Sequence[rows.Ended]) -> audit.Finding:
        """Trimmed first, so that nothing else looks at rows that go; audited before the sweep takes unseen what is
        wrong.
        """
        with self._cursor() as cursor:
            too_deep = rows.too_deep(cursor, reader, self._limits)
        if too_deep:
            with self._transaction() as cursor:
                metrics.FEED_ROWS_REMOVED.at().inc(rows.trim(cursor, reader, self._limits))
        with self._cursor() as cursor:
            finding = audit.audit(cursor, reader)
        if finding.wrong:
            with self._transaction() as cursor:
                self._mend(cursor, finding)
        with self._transaction() as cursor:
            metrics.FEED_ROWS_REMOVED.at().inc(rows.sweep(cursor, reader, gone))
        return finding

    def _inactive(self, cursor: PostgresCursor, readers: Sequence[int]) -> list[int]:
        cursor.execute(_INACTIVE, {"readers": list(readers), "after_s": self._settings.inactive_after_s})
        return [reader for (reader,) in cursor.fetchall()]

    def _ended(self, readers: Sequence[int]) -> Mapping[int, list[rows.Ended]]:
        """Of each reader, followings that ended, of which nobody writes rows any more."""
        found = defaultdict[int, list[rows.Ended]](list)
        with self._cursor() as cursor:
            for edge in rows.ended(cursor, readers):
                found[edge.reader].append(edge)
            if found:
                self._wait_for_those_before(cursor)
        return found

    def _mend(self, cursor: PostgresCursor, finding: audit.Finding) -> None:
        for how in ("missing", "extra", "misordered"):
            metrics.FEED_WRONG_ROWS.at(how).inc(getattr(finding, how))
        log.warning(
            "home feed of reader %d: %d rows missing, %d extra, %d misordered, of %d",
            *(finding.reader_id, finding.missing, finding.extra, finding.misordered, finding.rows),
        )
        if self._settings.repair:
            audit.repair(cursor, finding.reader_id)

    def _pushed_of(self, cursor: PostgresCursor, asked: Sequence[int]) -> list[int]:
        """Those of the authors that are pushed."""
        now_s = time.monotonic()
        if len(self._decided) > 100_000:
            self._decided.clear()
        unknown = [a for a in asked if now_s - self._decided.get(a, (float("-inf"), False))[0] > DECIDED_S]
        for author in authors.measure(cursor, unknown, self._limits) if unknown else ():
            self._decide(cursor, author)
        return [author_id for author_id in asked if self._decided[author_id][1]]

    def _decide(self, cursor: PostgresCursor, author: Author) -> None:
        mode = authors.mode_of(author, self._limits)
        self._decided[author.author_id] = (time.monotonic(), mode == "push")
        authors.keep(cursor, author, mode)
        if mode == "pull" and author.mode != "pull":
            log.info("author %d is pulled: %d readers", author.author_id, author.readers)
            self._stopping.add(author.author_id)
        elif mode == "push":
            self._stopping.discard(author.author_id)
            if author.mode == "pull":
                log.info("author %d is pushed: %d readers", author.author_id, author.readers)
                authors.ask_readers(cursor, author.author_id)

    def _stop_pushing(self) -> None:
        for author_id in sorted(self._stopping):
            with self._transaction() as cursor:
                stopped = authors.stop_pushing(cursor, author_id, chunk=self._settings.stop_edges)
            metrics.FEED_EDGES_CHANGED.at("pull").inc(stopped)
            if not stopped:
                self._stopping.discard(author_id)

    def _go_round(self) -> None:
        wanted = self._round.wanted()
        if wanted:
            with self._cursor() as cursor:
                readers = audit.readers_after(cursor, self._round.after, most=wanted)
            self.look_after(readers)
            self._round.looked_after(readers, wanted)

    def _wait_for_those_before(self, cursor: PostgresCursor) -> None:
        until = rows.horizon(cursor)
        while not rows.passed(cursor, until):
            if self._stop.wait(QUIET_LOOK_S):
                raise psycopg2.OperationalError("stopped while waiting")  # the edges stay pulled; begun anew at a start

    def _show(self) -> None:
        if time.monotonic() - self._gauges_at_s < GAUGES_S:
            return
        self._gauges_at_s = time.monotonic()
        with self._cursor() as cursor:
            cursor.execute("SELECT mode, count(*) FROM feed_author GROUP BY mode")
            counted = dict(cursor.fetchall())
            cursor.execute("SELECT count(*) FROM feed_reader")
            [(readers,)] = cursor.fetchall()
        for mode in ("push", "pull"):
            metrics.FEED_AUTHORS.at(mode).set(counted.get(mode, 0))
        metrics.FEED_READERS.at().set(readers)
        self._round.shared_by(readers)

    def _lead(self) -> bool:
        """Whether this process is the one who tends; takes up what another one left."""
        with self._cursor() as cursor:
            if self._leads:
                return True
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
            [(got,)] = cursor.fetchall()
            if got:
                cursor.execute(_RECOVER)
                cursor.execute(_LEFT_OVER)
                self._stopping = {author_id for (author_id,) in cursor.fetchall()}
                self._leads = True
        return self._leads

    @contextmanager
    def _cursor(self) -> Iterator[PostgresCursor]:
        """Statements on their own."""
        if self._connection is None:
            self._connection = psycopg2.connect(
                self._dsn, connect_timeout=CONNECT_TIMEOUT_S, application_name="feed-tender"
            )
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(_SESSION)
        with self._connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[PostgresCursor]:
        """All or nothing; an error leaves the connection to be closed."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")


@contextmanager
def tending(dsn: str, settings: FeedSettings, stop: threading.Event) -> Iterator[None]:
    """The tender in a thread of its own, as long as the block runs, however it ends. Raises at its end what ended the
    tender early.
    """
    tender, failed = FeedTender(dsn, settings, stop), list[BaseException]()

    def run() -> None:
        try:
            tender.run()
        except BaseException as error:
            failed.append(error)
            stop.set()
            raise

    thread = threading.Thread(target=run, name="feed-tender", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_S)
    if failed:
        raise Fatal("the feed tender failed") from failed[0]


class _Round:
    """Whose turn it is: all readers in `round_s`, or as many as the rate allows."""

    def __init__(self, settings: FeedSettings) -> None:
        self._settings = settings
        self._rate = settings.round_readers_a_second
        self._at_s = time.monotonic()
        self.after = 0

    def shared_by(self, readers: int) -> None:
        """So many readers there are now."""
        self._rate = min(self._settings.round_readers_a_second, max(1, readers) / self._settings.round_s)

    def wanted(self) -> int:
        """How many readers are due now."""
        now_s = time.monotonic()
        due = int((now_s - self._at_s) * self._rate)
        if due:
            self._at_s = now_s
        return min(due, max(1, int(self._settings.round_readers_a_second)))

    def looked_after(self, readers: Sequence[int], wanted: int) -> None:
        """What came of it; a short turn ends the round."""
        self.after = readers[-1] if len(readers) == wanted else 0
