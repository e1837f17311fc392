"""Reading what was written: waiting for positions, and how fresh an answer is."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from feedmill.contracts.topics import ACTIVITY_ENRICHED
from feedmill.runtime.applied import NEVER, POSTGRES_PACE, Applied, NotYetApplied, Pace
from feedmill.runtime.health import Health
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.position import CHANNEL, BadPosition, Positions
from feedmill.runtime.postgres import Postgres, StoreAway
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.log_ends import LogEnds
from feedmill.testkit.state import Seed

pytestmark = pytest.mark.integration
RAW = "activity.published.v1"


Test = Callable[[Applied, LogEnds, Seed, Postgres], Coroutine[Any, Any, None]]


def run(state: str, test: Test, pace: Pace = POSTGRES_PACE, *, hears: bool = False) -> None:
    async def opened() -> None:
        given = PostgresSettings(dsn=SecretStr(state), pool_size=2)
        health, log = Health("api"), LogEnds()
        async with Postgres(given, health, application="test") as postgres:
            notices = postgres if hears else None
            applied = Applied(postgres, log, health, enriched=[ACTIVITY_ENRICHED], pace=pace, notices=notices)
            async with applied.watching():
                await test(applied, log, seed, postgres)

    with Seed(state) as seed:
        asyncio.run(opened())


async def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.005)


def test_waiting_ends_when_the_position_is_applied(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        waiting = [asyncio.create_task(applied.wait_for(Positions.of(RAW, 0, offset), 20)) for offset in (3, 9)]
        await until(lambda: len(applied._waiters) == 2)
        seed.applied(0, 5)
        await waiting[0]
        assert not waiting[1].done()
        seed.applied(0, 9)
        await waiting[1]
        assert applied.snapshot.applied == {(RAW, 0): 9}
        await applied.wait_for(Positions.of(RAW, 0, 9), 0)

    run(state, test)


def test_what_is_not_applied_in_time_is_said(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, _: Seed, __: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        with pytest.raises(NotYetApplied):
            await applied.wait_for(Positions.of(RAW, 0, 3), 0.6)
        with pytest.raises(NotYetApplied):
            await applied.wait_for(Positions.of(RAW, 0, 3), 0)
        assert not applied._waiters

    run(state, test)


@pytest.mark.parametrize("text", [f"{RAW}/0:10", f"{RAW}/3:0", f"{RAW}/6:0", "no-such-topic/0:1"])
@pytest.mark.parametrize("timeout_s", [0, 0.02, 20])
def test_a_position_past_the_logs_end_is_refused(state: str, text: str, timeout_s: float) -> None:
    async def test(applied: Applied, log: LogEnds, _: Seed, __: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        with pytest.raises(BadPosition):
            await applied.wait_for(Positions.parse([text]), timeout_s)
        assert not applied._waiters

    run(state, test)


def test_what_the_log_took_after_it_was_asked_is_waited_for_without_asking_again(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        await until(lambda: bool(applied._probes))
        log.reaches(RAW, 0, 1)
        probes = len(applied._probes)
        waiting = asyncio.create_task(applied.wait_for(Positions.of(RAW, 0, 0), 20))
        await until(lambda: bool(applied._waiters))
        seed.applied(0, 0)
        await waiting
        assert len(applied._probes) == probes

    run(state, test, Pace(probe_s=3_600))


def test_topics_that_postgres_does_not_keep_are_not_waited_for(state: str) -> None:
    async def test(applied: Applied, _: LogEnds, __: Seed, ___: Postgres) -> None:
        await applied.wait_for(Positions.of("user-interaction", 0, 10**9), 0)

    run(state, test)


def test_the_end_is_asked_afresh_before_a_position_is_refused(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        await until(lambda: bool(applied._probes))
        log.reaches(RAW, 0, 1)
        seed.applied(0, 0)
        await applied.wait_for(Positions.of(RAW, 0, 0), 5)

    run(state, test)


def test_while_the_log_is_away_a_position_is_waited_for(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.runtime.applied.LOG_SLOW_S", 0.1)

    async def test(applied: Applied, log: LogEnds, _: Seed, __: Postgres) -> None:
        log.away = True
        with pytest.raises(NotYetApplied):
            await applied.wait_for(Positions.of(RAW, 0, 5), 0.2)
        await until(lambda: not applied._health.ready)
        log.away = False
        await until(lambda: applied._health.ready)

    run(state, test)


def test_nobody_waits_on_a_postgres_that_is_away(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, _: Seed, postgres: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        waiting = asyncio.create_task(applied.wait_for(Positions.of(RAW, 0, 3), 20))
        await until(lambda: bool(applied._waiters))
        live, postgres._live = postgres._live, None
        with pytest.raises(StoreAway):
            await waiting
        with pytest.raises(StoreAway):
            await applied.wait_for(Positions.of(RAW, 0, 3), 20)
        postgres._live = live

    run(state, test)


NEVER_POLLED = Pace(heard_s=3_600, waiting_s=0.001)
"""But for the time when no notices are heard."""
TELL = f"NOTIFY {CHANNEL}, '{ACTIVITY_ENRICHED.name}/0:%s'"


def test_who_hears_the_sink_need_not_ask(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        await until(lambda: applied._hears and applied.known.is_set())
        waiting = [asyncio.create_task(applied.wait_for(Positions.of(RAW, 0, offset), 20)) for offset in (3, 9)]
        await until(lambda: len(applied._waiters) == 2)
        seed.execute(TELL % 5)
        await waiting[0]
        assert not waiting[1].done()
        seed.execute(TELL % 4)  # said late: positions only grow
        seed.execute(TELL % 9)
        await waiting[1]
        assert applied.snapshot.applied == {(RAW, 0): 9}

    run(state, test, NEVER_POLLED, hears=True)


@pytest.mark.parametrize("told", ["", "nonsense", "other/0:7", f"{ACTIVITY_ENRICHED.name}/0:-1"])
def test_a_notice_that_says_nothing_changes_nothing(state: str, told: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        await until(lambda: applied._hears and applied.known.is_set())
        seed.execute(f"NOTIFY {CHANNEL}, '{told}'")
        seed.execute(TELL % 2)
        await applied.wait_for(Positions.of(RAW, 0, 2), 20)
        assert applied.snapshot.applied == {(RAW, 0): 2}

    run(state, test, NEVER_POLLED, hears=True)


def test_what_was_told_to_nobody_is_found(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        await until(lambda: applied._hears)
        seed.applied(0, 9)
        await applied.wait_for(Positions.of(RAW, 0, 9), 20)

    run(state, test, hears=True)


def test_without_the_connection_that_hears_positions_are_asked_for(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.runtime.applied.LISTEN_AGAIN_S", 0.05)

    async def test(applied: Applied, log: LogEnds, seed: Seed, postgres: Postgres) -> None:
        log.reaches(RAW, 0, 10)
        await until(lambda: applied._hears)
        await postgres.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        await until(lambda: not applied._hears)
        seed.applied(0, 8)
        await applied.wait_for(Positions.of(RAW, 0, 8), 20)
        await until(lambda: applied._hears)
        seed.execute(TELL % 9)
        await applied.wait_for(Positions.of(RAW, 0, 9), 20)

    run(state, test, Pace(heard_s=0.2), hears=True)


def test_an_answer_older_than_a_notice_takes_nothing_back(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, postgres: Postgres) -> None:
        seed.applied(0, 3)
        await until(lambda: applied._hears and applied.snapshot.applied == {(RAW, 0): 3})
        applied._heard = {(RAW, 0): 9}  # told while the store was being asked
        applied._answered({(RAW, 0): 3})
        assert applied.snapshot.applied == {(RAW, 0): 9}
        await until(lambda: applied.snapshot.applied == {(RAW, 0): 3})  # asked since: it was set back

    run(state, test, hears=True)


def test_complete_through_is_the_start_of_the_latest_probe_that_is_all_applied(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        began = datetime.now(UTC)
        await until(lambda: applied.snapshot.complete_through != NEVER)  # an empty log is all applied
        log.reaches(RAW, 0, 5)
        await until(lambda: any(probe.ends[TopicPartition(RAW, 0)] == 5 for probe in applied._probes))
        behind = datetime.now(UTC)
        await until(lambda: len(applied._probes) > 3)
        stood = time_of(applied)
        assert began <= stood <= behind
        seed.applied(0, 4)
        await until(lambda: time_of(applied) >= behind)

    run(state, test)


def test_positions_that_go_back_take_complete_through_with_them(state: str) -> None:
    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 5)
        seed.applied(0, 4)
        await until(lambda: applied.snapshot.complete_through != NEVER and bool(applied.snapshot.applied))
        seed.execute("UPDATE sink_position SET source_offset = -1")
        await until(lambda: applied.snapshot.complete_through == NEVER)

    run(state, test)


def test_far_behind_it_remembers_no_more_than_so_many_probes(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.runtime.applied.MAX_PROBES", 16)

    async def test(applied: Applied, log: LogEnds, seed: Seed, _: Postgres) -> None:
        log.reaches(RAW, 0, 1)
        seen = 0
        while seen < 60:
            await until(lambda: bool(applied._probes))
            seen += 1
            await asyncio.sleep(0.005)
            assert len(applied._probes) <= 17
            assert applied._probes == sorted(applied._probes, key=lambda probe: probe.began_at)
        oldest = applied._probes[0].began_at
        seed.applied(0, 0)
        await until(lambda: applied.snapshot.complete_through != NEVER and time_of(applied) > oldest)

    run(state, test, Pace(probe_s=0.001))


def time_of(applied: Applied) -> datetime:
    return datetime.fromisoformat(applied.snapshot.complete_through)
