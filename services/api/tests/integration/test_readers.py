"""Who reads home feeds is noted once in a while, in one statement, and only who is somebody."""

from datetime import datetime
from functools import partial

import pytest

from feedmill.api.readers import AGAIN_S, Readers
from feedmill.runtime.postgres import Postgres
from feedmill.testkit.reader import a_reader, asked
from feedmill.testkit.state import Seed
from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

IVAN, NICO, NOBODY = 1, 2, 3

Noted = dict[int, datetime]


async def is_noted(postgres: Postgres) -> bool:
    return [reader_id for (reader_id,) in await postgres.fetch("SELECT reader_id FROM feed_reader")] == [IVAN]


def test_who_reads_is_noted_and_noted_again_only_after_a_time(seed: Seed, state: str) -> None:
    seed.user("ivan")
    seed.user("nico")
    now_s = 0.0

    async def read(postgres: Postgres) -> list[Noted]:
        readers = Readers(postgres, every_s=1, clock_s=lambda: now_s)

        async def noted(*reader_ids: int) -> Noted:
            for reader_id in reader_ids:
                readers.note(reader_id)
            await readers.write()
            rows = await postgres.fetch("SELECT reader_id, read_at FROM feed_reader")
            return {row["reader_id"]: row["read_at"] for row in rows}

        nonlocal now_s
        found = [await noted(IVAN, IVAN, NOBODY)]
        now_s = AGAIN_S
        found.append(await noted(IVAN, NICO))
        now_s += 1
        return [*found, await noted(IVAN, NICO)]

    first, within, later = asked(state, read)
    assert set(first) == {IVAN}
    assert within == first | {NICO: within[NICO]}
    assert later[IVAN] > first[IVAN]
    assert later[NICO] == within[NICO]


def test_a_home_feed_that_is_read_is_noted(seed: Seed, state: str) -> None:
    seed.user("ivan", key="abc123")
    with a_reader(state, FEEDMILL_API__NOTE_READERS_MS="1") as reader:
        assert reader.get("/v1/users/1/feed").status_code == 200
        wait_until(partial(asked, state, is_noted), "the note")
