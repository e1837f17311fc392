"""A rebuild empties Postgres while others still work on it."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from feedmill.cli import rebuild
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration


def test_it_begins_again_where_it_lost_a_deadlock(state: str) -> None:
    with Seed(state) as seed, closing(psycopg2.connect(state)) as other, other.cursor() as cursor:
        seed.clear()
        seed.post(seed.user("ivan"), "hello")
        seed.execute("INSERT INTO feed_reader (reader_id, read_at) VALUES (1, now())")
        cursor.execute("SET deadlock_timeout = '1min'")  # never the one to lose
        cursor.execute("UPDATE feed_reader SET read_at = now()")
        emptying = threading.Thread(target=rebuild.empty_postgres, args=(state,))
        emptying.start()
        wait_until(lambda: _somebody_waits(other), "the rebuild to wait for us")
        cursor.execute("SELECT count(*) FROM activity")
        assert cursor.fetchone() == (1,), "the rebuild gave way"
        other.commit()
        emptying.join()
        cursor.execute("SELECT (SELECT count(*) FROM activity), (SELECT wants_fill FROM feed_reader)")
        assert cursor.fetchone() == (0, True)


def _somebody_waits(connection: psycopg2.extensions.connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) > 0 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        (waits,) = cursor.fetchone() or (False,)
        return bool(waits)
