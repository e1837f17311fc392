"""Poison: each kind once, between good neighbours; then `feedmill dlq` shows it, and replays what a fix has mended."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable

import psycopg2

from chaos.checker import check_all
from chaos.contents import Check
from chaos.fire import POISONED_ACTORS, Fight, LoadThread, Outcome, wait_for_rest
from chaos.ledger import read_ledger
from chaos.observed import RAW, clickhouse, observe, rows_of
from chaos.poison import KINDS, Planter, envelope, make, produce
from chaos.stage import QUIET_TIMEOUT_S, Stage
from feedmill.testkit.waiting import let_pass

EVENTS_PER_S = 100.0
UNSTORABLE_ID = 424_242_424
CONSTRAINT = f"ALTER TABLE activity ADD CONSTRAINT chaos CHECK (object_id IS DISTINCT FROM {UNSTORABLE_ID})"
FIX = "ALTER TABLE activity DROP CONSTRAINT chaos"


def poisoned(stage: Stage, seed: int, told: Callable[[str], None]) -> Outcome:
    """Under load, so that every poison has neighbours in its batch."""
    rng = random.Random(f"{seed}/poison")
    planter = Planter(stage.stores.kafka, stage.ledger, rng, POISONED_ACTORS)
    load = LoadThread(stage, Fight(seed, 300, EVENTS_PER_S, ()))
    load.start()
    for name in KINDS:
        told(f"poison: {name}")
        planter.write(make(name, rng, POISONED_ACTORS))
        let_pass(0.2)
    planter.plant_behind_the_enricher()
    load.release()
    load.join()
    liveness = Check("L poison blocks nothing", 1)
    rest_s = wait_for_rest(stage, liveness, QUIET_TIMEOUT_S)
    ledger = read_ledger(stage.ledger_path)
    checks = [liveness, *check_all(ledger, observe(stage.stores)), shown(stage)]
    told("replaying all of it, nothing mended")
    checks.append(dies_again_as_itself(stage))
    told("a record one store refuses, a fix, a replay")
    checks.append(replayed_after_a_fix(stage))
    figures: dict[str, object] = {
        "sent": load.sent,
        "poison": len(ledger.poison),
        "caught up in": f"{rest_s:.1f} s",
    }
    return Outcome(checks, [], figures)


def shown(stage: Stage) -> Check:
    """`dlq list` names each poison by its origin with a reason; `dlq show` has its bytes."""
    poison = read_ledger(stage.ledger_path).poison
    listed = {(d["topic"], d["partition"], d["offset"]): d for d in stage.feedmill("dlq", "list")}
    check = Check("D feedmill dlq list and show have each of them", len(poison))
    for (topic, partition, offset), name in poison.items():
        letter = listed.get((topic, partition, offset))
        check.expect(letter is not None and bool(letter["reason"]), f"not listed: {name}")
    place = next(f"{t}/{p}:{o}" for (t, p, o), name in poison.items() if name == "truncated JSON")
    whole = stage.feedmill("dlq", "show", place)
    check.expect(whole["value"].startswith('{"actor_id"'), f"{place}: shown as {whole}")
    return check


def dies_again_as_itself(stage: Stage) -> Check:
    """A replay of poison is the same poison: its letters keep the first origin."""
    ledger = read_ledger(stage.ledger_path)
    origins = {(d["topic"], d["partition"], d["offset"]) for d in stage.feedmill("dlq", "list")}
    count = stage.feedmill("dlq", "replay", "--all", "--topic", RAW)["replayed"]
    check = Check("D a replay of what is not mended dies again, as itself", count)
    wait_for_rest(stage, check, QUIET_TIMEOUT_S)
    again = {(d["topic"], d["partition"], d["offset"]) for d in stage.feedmill("dlq", "list")}
    check.expect(again == origins, f"new origins: {sorted(again - origins)}")
    check.expect(count == sum(topic == RAW for topic, _, _ in ledger.poison), f"replayed {count}")
    return check


def replayed_after_a_fix(stage: Stage) -> Check:
    """Postgres is made to refuse one event; its dead letter names the raw record; mended and replayed it is there."""
    check = Check("D what a fix has mended is replayed, once", 1)
    execute(stage.stores.postgres, CONSTRAINT)
    event_id = str(uuid.uuid4())
    value = json.dumps({"actor_id": 1_000, "object": {"type": "photo", "id": UNSTORABLE_ID}}).encode()
    partition, offset = produce(stage.stores.kafka, RAW, b"1000", value, envelope(event_id, "like.v1"))
    wait_for_rest(stage, check, QUIET_TIMEOUT_S)
    check.expect(stored(stage, event_id) == (0, 1), f"before the fix: {stored(stage, event_id)}")
    letters = [d for d in stage.feedmill("dlq", "list") if d["event_id"] == event_id]
    places = [(d["topic"], d["partition"], d["offset"]) for d in letters]
    check.expect(places == [(RAW, partition, offset)], f"dead letters: {letters}")
    execute(stage.stores.postgres, FIX)
    stage.feedmill("dlq", "replay", f"{RAW}/{partition}:{offset}")
    wait_for_rest(stage, check, QUIET_TIMEOUT_S)
    check.expect(stored(stage, event_id) == (1, 1), f"after the replay: {stored(stage, event_id)}")
    return check


def stored(stage: Stage, event_id: str) -> tuple[int, int]:
    """Rows of an event in Postgres and in ClickHouse."""
    facts = next(clickhouse(stage.stores.clickhouse, f"SELECT count() FROM fact_activity FINAL {where(event_id)}"))
    return rows_of(stage.stores.postgres, f"SELECT count(*) FROM activity {where(event_id)}")[0][0], facts[0]


def where(event_id: str) -> str:
    return f"WHERE event_id = '{event_id}'"


def execute(dsn: str, statement: str) -> None:
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
