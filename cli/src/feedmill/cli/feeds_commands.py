"""feeds authors · audit feeds · rebuild feeds: what is pushed to whom, whether it is right, and set anew."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated, Final

import psycopg2
import typer
from psycopg2.extensions import connection as Connection

from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, errors_told, fail, out, print_json, rows, table
from feedmill.contracts.limits import MAX_ID
from feedmill.runtime.feeds import audit as auditing
from feedmill.runtime.feeds import rows as feed_rows
from feedmill.runtime.feeds.audit import Finding
from feedmill.runtime.settings import SettingsError

CHUNK: Final = 500
"""Readers at a time: so many short transactions instead of a long one."""
LOOK_S: Final = 0.2

feeds = typer.Typer(add_completion=False, help="Home feeds: what is pushed, what is pulled.", no_args_is_help=True)
audit = typer.Typer(add_completion=False, help="Compare what is kept with what the log says.", no_args_is_help=True)


@feeds.callback()
@audit.callback()
def group() -> None:
    """A group, also while it has one command."""


Users = Annotated[list[int] | None, typer.Option("--user", min=1, max=MAX_ID, help="Only this reader; again.")]

_AUTHORS: Final = """
SELECT author_id, handle, mode, readers, activities_an_hour, round(extract(epoch FROM now() - reviewed_at))::int
  FROM feed_author LEFT JOIN user_profile ON id = author_id
 ORDER BY mode, readers::bigint * greatest(activities_an_hour, 1) DESC, author_id LIMIT %s
"""
_UNKNOWN: Final = """
SELECT id FROM unnest(%s::bigint[]) AS asked (id)
 WHERE NOT EXISTS (SELECT FROM user_profile known WHERE known.id = asked.id AND handle IS NOT NULL) ORDER BY id
"""
_AUTHOR_COLUMNS: Final = ("author_id", "handle", "mode", "readers", "activities_an_hour", "reviewed_s_ago")


@feeds.command()
def authors(
    most: Annotated[int, typer.Option("--limit", min=1, help="The dearest ones.")] = 20, as_json: AsJson = False
) -> None:
    """Authors by how they reach their readers, pulled ones first, with the cost that decided it.

    Examples:

      feedmill feeds authors

      feedmill feeds authors --limit 100 --json
    """
    with _opened() as connection, connection.cursor() as cursor:
        cursor.execute(_AUTHORS, (most,))
        found = cursor.fetchall()
    if as_json:
        print_json([dict(zip(_AUTHOR_COLUMNS, row, strict=True)) for row in found])
    else:
        out.print(rows(table(*_AUTHOR_COLUMNS), found))


@audit.command("feeds")
def audit_feeds(
    user: Users = None,
    repair: Annotated[bool, typer.Option("--repair", help="Make what is wrong right.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare readers' pushed rows with the definition; exit status 1 where one is wrong.

    feed-writer does it all the time by itself.

    Examples:

      feedmill audit feeds

      feedmill audit feeds --user 1 --repair
    """
    seen, wrong = 0, list[Finding]()
    with _opened() as connection:
        for readers in _readers(connection, user):
            for reader in readers:
                with connection, connection.cursor() as cursor:
                    finding = auditing.audit(cursor, reader)
                    if finding.wrong and repair:
                        auditing.repair(cursor, reader)
                seen += 1
                if finding.wrong:
                    wrong.append(finding)
    if as_json:
        print_json({"readers": seen, "wrong": [asdict(finding) for finding in wrong], "repaired": repair})
    else:
        for finding in wrong:
            out.print(
                f"reader {finding.reader_id}: {finding.missing} missing, {finding.extra} extra, "
                f"{finding.misordered} misordered, of {finding.rows}"
            )
        out.print(f"{seen} home feeds compared, {len(wrong)} wrong{', mended' if wrong and repair else ''}.")
    if wrong and not repair:
        raise typer.Exit(1)


def rebuild_feeds(user: Sequence[int] | None, timeout_s: float) -> None:
    """Push anew what is pushed. Every feed is right meanwhile: it is read by pull until it is filled."""
    done = 0
    with _opened() as connection:
        deadline_s = time.monotonic() + timeout_s
        for readers in _readers(connection, user):
            with connection, connection.cursor() as cursor:
                feed_rows.set_back(cursor, readers, keep=True)
            _wait_until_filled(connection, readers, deadline_s)
            done += len(readers)
    out.print(f"[bold green]Rebuilt[/]: {done} home feeds.")


def _wait_until_filled(connection: Connection, readers: Sequence[int], deadline_s: float) -> None:
    while True:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM feed_reader WHERE reader_id = ANY(%(readers)s) AND (wants_fill OR EXISTS ("
                "SELECT FROM follow_edge WHERE follower_id = reader_id AND active AND push = 1))",
                {"readers": list(readers)},
            )
            [(left,)] = cursor.fetchall()
        if left == 0:
            return
        if time.monotonic() > deadline_s:
            raise fail(f"{left} readers are still read by pull: is a feed-writer for Postgres running?")
        time.sleep(LOOK_S)


def _readers(connection: Connection, asked: Sequence[int] | None) -> Iterator[list[int]]:
    """Those asked for, or all who are pushed to, in chunks."""
    if asked:
        with connection, connection.cursor() as cursor:
            cursor.execute(_UNKNOWN, (list(asked),))
            unknown = [str(reader) for (reader,) in cursor.fetchall()]
        if unknown:
            raise fail(f"There is no user {', '.join(unknown)}.")
        yield sorted(set(asked))
        return
    after = 0
    while True:
        with connection, connection.cursor() as cursor:
            chunk = auditing.readers_after(cursor, after, most=CHUNK)
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


@contextmanager
def _opened() -> Iterator[Connection]:
    with errors_told(SettingsError, psycopg2.OperationalError):
        dsn = site().connections.postgres
        with closing(psycopg2.connect(dsn, application_name="feedmill")) as connection:
            yield connection
