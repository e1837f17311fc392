"""The log is cut below what was applied: each consumer stops loudly at the gap, and passes over nothing in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chaos.contents import Check
from chaos.fire import Fight, LoadThread, Outcome, wait_for_rest
from chaos.observed import ENRICHED, RAW, ends_of
from chaos.stage import CLICKHOUSE_SINK, ENRICHER, POSTGRES_SINK, QUIET_TIMEOUT_S, Stage, Work
from feedmill.testkit.waiting import wait_until

EVENTS_PER_S: Final = 300.0
EVENTS: Final = 600
CUT: Final = 3
"""Records of each partition that nobody has read yet and nobody ever will."""
STOP_TIMEOUT_S: Final = 30.0
READS: Final = {POSTGRES_SINK: ENRICHED, CLICKHOUSE_SINK: ENRICHED, ENRICHER: RAW}


def load(stage: Stage, seed: int) -> int:
    thread = LoadThread(stage, Fight(seed, EVENTS, EVENTS_PER_S, ()))
    thread.start()
    thread.release()
    thread.join()
    return thread.sent


def cut(kafka: str, topic: str, before: Mapping[int, int]) -> None:
    """Delete what lies before these offsets."""
    asked = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.delete_records(asked).values():
        done.result(30)


def retention_cut(stage: Stage, seed: int, told: Callable[[str], None]) -> Outcome:
    sent = load(stage, seed)
    quiet = Check("L all of it is there before the cut", 1)
    wait_for_rest(stage, quiet, QUIET_TIMEOUT_S)
    checks = [quiet]
    for part in (POSTGRES_SINK, CLICKHOUSE_SINK):
        stage.platform.down(part)
    sent += load(stage, seed + 1)
    wait_until(lambda: enriched_all(stage), "the enricher at its end", within_s=QUIET_TIMEOUT_S)
    stage.platform.down(ENRICHER)
    sent += load(stage, seed + 2)
    for part, topic in READS.items():
        told(f"{topic} is cut below what {part} has read")
        checks.append(stops_at_the_gap(stage, part, topic))
    return Outcome(checks, [], {"sent": sent})


def enriched_all(stage: Stage) -> bool:
    work = Work(stage.stores, stage.ledger)
    done = work.next_offsets(ENRICHER)
    return all(done.get(partition, 0) >= end for partition, end in work.ends(ENRICHER).items())


def stops_at_the_gap(stage: Stage, part: str, topic: str) -> Check:
    check = Check(f"R {part} stops loudly where its log was cut", 1)
    work = Work(stage.stores, stage.ledger)
    before, ends = work.next_offsets(part), ends_of(stage.stores.kafka, topic)
    behind = {p: max(0, before.get(p, 0)) for p, end in ends.items() if max(0, before.get(p, 0)) + CUT < end}
    check.expect(bool(behind), "nothing was left to read: this proves nothing")
    cut(stage.stores.kafka, topic, {p: at + CUT for p, at in behind.items()})
    keeper = stage.platform.start(part, restarts=False)
    check.expect(stage.platform.wait_ended(part, STOP_TIMEOUT_S), "it went on")
    check.expect(keeper.part.exit_status() not in (0, None), f"it ended with {keeper.part.exit_status()}")
    after = work.next_offsets(part)
    moved = {p: (at, after.get(p)) for p, at in behind.items() if after.get(p) != before.get(p)}
    check.expect(not moved, f"moved over the gap: {moved}")
    return check
