"""The checker finds nothing in a faultless world, and each planted fault turns the right check red."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.checker import check_all
from chaos.ledger import Ledger
from chaos.observed import RAW, Observed, Record
from chaos.world import World, everything_applied, perfect_world, without

Plant = Callable[[World], Observed]


def broken(world: World, observed: Observed) -> list[str]:
    return [check.name for check in check_all(world.ledger, observed) if not check.held]


def first_like(world: World) -> Record:
    return next(r for r in world.observed.raw if r.headers.get("ce_type") == "feedmill.like.v1")


def lost_from_the_raw_log(world: World) -> Observed:
    gone = first_like(world).event_id
    return replace(world.observed, raw=[r for r in world.observed.raw if r.event_id != gone])


def lost_from_the_enriched_log(world: World) -> Observed:
    gone = first_like(world).event_id
    return replace(world.observed, enriched=[r for r in world.observed.enriched if r.event_id != gone])


def a_hole_in_the_enriched_log(world: World) -> Observed:
    gone = next(r for r in world.observed.enriched if r.value is None)
    return replace(world.observed, enriched=[r for r in world.observed.enriched if r is not gone])


def doubled_in_the_enriched_log(world: World) -> Observed:
    twice = next(r for r in world.observed.enriched if r.value is not None)
    last = [r for r in world.observed.enriched if r.partition == twice.partition][-1]
    later = {**twice.headers, "source-offset": str(int(last.headers["source-offset"]) + 1)}
    again = replace(twice, offset=last.offset + 1, headers=later)
    return replace(world.observed, enriched=[*world.observed.enriched, again])


def lost_from_postgres(world: World) -> Observed:
    return replace(world.observed, activity=world.observed.activity[1:])


def another_time_in_postgres(world: World) -> Observed:
    row = world.observed.activity[0]
    other = replace(row, occurred_at=row.occurred_at.replace(year=2020))
    return replace(world.observed, activity=[other, *world.observed.activity[1:]])


def lost_from_clickhouse(world: World) -> Observed:
    return replace(world.observed, facts=without(world.observed.facts, world.observed.facts[7]))


def doubled_in_clickhouse(world: World) -> Observed:
    return replace(world.observed, facts=[*world.observed.facts, world.observed.facts[3]])


def doubled_raw_row_in_clickhouse(world: World) -> Observed:
    return replace(world.observed, facts_raw_rows=world.observed.facts_raw_rows + 1)


def a_day_counted_twice(world: World) -> Observed:
    day = next(iter(world.observed.by_day))
    return replace(world.observed, by_day={**world.observed.by_day, day: world.observed.by_day[day] + 1})


def a_refused_event_in_the_log(world: World) -> Observed:
    refused = next(e for e in world.ledger.entries.values() if e.must_be_refused)
    named = {**first_like(world).headers, "ce_id": refused.ce_id, "ce_source": refused.source, "event-id": "new"}
    return replace(world.observed, raw=[*world.observed.raw, replace(first_like(world), offset=10_000, headers=named)])


def another_body(world: World) -> Observed:
    like = first_like(world)
    changed = replace(like, value=(like.value or b"").replace(b'"type": "', b'"type": "x'))
    return replace(world.observed, raw=[changed if r is like else r for r in world.observed.raw])


def a_position_told_that_is_another_ones(world: World) -> Observed:
    entry = next(e for e in world.ledger.entries.values() if e.positions)
    entry.positions.add(f"{RAW}/0:999999")
    return world.observed


def a_missing_dead_letter(world: World) -> Observed:
    return replace(world.observed, dead=world.observed.dead[1:])


def a_dead_letter_of_no_poison(world: World) -> Observed:
    other = {**world.observed.dead[0].headers, "dlq-offset": "0", "dlq-partition": "5"}
    letter = replace(world.observed.dead[0], offset=50, headers=other)
    return replace(world.observed, dead=[*world.observed.dead, letter])


def a_dead_letter_without_its_bytes(world: World) -> Observed:
    return replace(world.observed, dead=[replace(world.observed.dead[0], value=b""), *world.observed.dead[1:]])


def a_dead_letter_without_reason(world: World) -> Observed:
    without_reason = {k: v for k, v in world.observed.dead[0].headers.items() if k != "dlq-reason"}
    return replace(
        world.observed, dead=[replace(world.observed.dead[0], headers=without_reason), *world.observed.dead[1:]]
    )


def swapped_in_the_log(world: World) -> Observed:
    """Two events of one key change places, and everything after follows the log."""
    raw = list(world.observed.raw)
    for one, two in itertools.pairwise(raw):
        if one.key == two.key and one.partition == two.partition and repeated_nowhere(world, one, two):
            first, second = raw.index(one), raw.index(two)
            raw[first], raw[second] = replace(two, offset=one.offset), replace(one, offset=two.offset)
            for record in (one, two):
                world.ledger.entries[record.event_id or ""].positions.clear()
            return everything_applied(world.ledger, raw)
    raise AssertionError("no two neighbours of one key")


def repeated_nowhere(world: World, *records: Record) -> bool:
    ids = [r.event_id for r in world.observed.raw]
    return all(ids.count(r.event_id) == 1 and r.event_id in world.ledger.entries for r in records)


def a_follow_that_came_back(world: World) -> Observed:
    return replace(world.observed, follows=world.observed.follows | {(1_000, 77, None)})


def a_like_that_is_gone(world: World) -> Observed:
    return replace(world.observed, likes=set(list(world.observed.likes)[1:]))


PLANTED: list[tuple[Plant, str]] = [
    (lost_from_the_raw_log, "K every acknowledged"),
    (a_refused_event_in_the_log, "K nothing refused"),
    (a_position_told_that_is_another_ones, "K every position"),
    (another_body, "K every body"),
    (lost_from_the_enriched_log, "E the enriched log"),
    (doubled_in_the_enriched_log, "E the enriched log"),
    (a_hole_in_the_enriched_log, "E nothing is passed over"),
    (lost_from_postgres, "P activity"),
    (another_time_in_postgres, "P activity"),
    (lost_from_clickhouse, "C fact_activity FINAL"),
    (doubled_in_clickhouse, "C fact_activity FINAL"),
    (doubled_raw_row_in_clickhouse, "C fact_activity raw"),
    (a_day_counted_twice, "C activity_by_day"),
    (a_missing_dead_letter, "D dead letters"),
    (a_dead_letter_of_no_poison, "D dead letters"),
    (a_dead_letter_without_its_bytes, "D dead letters"),
    (a_dead_letter_without_reason, "D dead letters"),
    (swapped_in_the_log, "O the raw log"),
    (a_follow_that_came_back, "S who follows whom"),
    (a_like_that_is_gone, "S who likes what"),
]


def test_a_faultless_world_is_green() -> None:
    world = perfect_world()
    assert broken(world, world.observed) == []
    assert len(world.ledger.acked) > 250
    assert len(world.ledger.refused) > 10


@pytest.mark.parametrize(("plant", "check"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_fault_turns_the_checker_red(plant: Plant, check: str) -> None:
    world = perfect_world()
    found = broken(world, plant(world))
    assert any(name.startswith(check) for name in found), found


def test_an_event_whose_fate_is_unknown_may_be_there_or_not() -> None:
    world = perfect_world()
    like = first_like(world)
    entry = world.ledger.entries[like.event_id or ""]
    entry.acked_at = None
    assert broken(world, world.observed) == []
    entry.positions.clear()
    gone = everything_applied(world.ledger, renumbered([r for r in world.observed.raw if r.event_id != like.event_id]))
    for each in world.ledger.entries.values():
        each.positions.clear()
    assert broken(World(without_poison(world.ledger), gone), gone) == []


def renumbered(raw: list[Record]) -> list[Record]:
    """Without poison, whose places would move."""
    good = [r for r in raw if r.event_id and not r.event_id.startswith("bad-")]
    counts: dict[int, int] = {}
    numbered = []
    for record in good:
        offset = counts.get(record.partition, 0)
        counts[record.partition] = offset + 1
        numbered.append(replace(record, offset=offset))
    return numbered


def without_poison(ledger: Ledger) -> Ledger:
    ledger.poison.clear()
    return ledger
