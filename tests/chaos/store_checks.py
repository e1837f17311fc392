"""P Postgres, C ClickHouse, D dead letters. Pure."""

from __future__ import annotations

from collections import Counter

from chaos.contents import Check, Contents, origin_of, place, row_of
from chaos.ledger import Ledger
from chaos.observed import Observed, Row


def stored_once(name: str, rows: list[Row], contents: Contents) -> Check:
    check = Check(name, len(rows))
    check.same_ids((row.event_id for row in rows), contents.ids)
    for row in rows:
        first = contents.first.get(row.event_id)
        if first is not None:
            wanted = row_of(first)
            check.expect(row == wanted, f"{row.event_id}: {differences(row, wanted)}")
    return check


def differences(got: Row, wanted: Row) -> str:
    pairs = ((n, getattr(got, n), getattr(wanted, n)) for n in Row.__slots__)
    return ", ".join(f"{name} {a!r}, not {b!r}" for name, a, b in pairs if a != b)


def facts_raw(observed: Observed, memory_covers: bool) -> Check:
    check = Check("C fact_activity raw: one row an event", observed.facts_raw_rows)
    if memory_covers:
        doubled = observed.facts_raw_rows - observed.facts_distinct
        check.expect(doubled == 0, f"{doubled} rows too many in {observed.facts_raw_rows}")
    return check


def days_add_up(contents: Contents) -> Check:
    rows = map(row_of, contents.first.values())
    wanted = Counter((row.occurred_at.date().isoformat(), row.verb) for row in rows)
    check = Check("C activity_by_day counts each event once", len(wanted))
    for day in sorted(wanted.keys() | contents.observed.by_day.keys()):
        got = contents.observed.by_day.get(day, 0)
        check.expect(got == wanted[day], f"{day[0]} {day[1]}: {got}, not {wanted[day]}")
    return check


def dead_letters_are_the_poison(ledger: Ledger, contents: Contents) -> Check:
    written = [*contents.observed.raw, *contents.observed.enriched]
    origins = {(r.topic, r.partition, r.offset): r for r in written}
    check = Check("D dead letters are the planted poison, whole and with a reason", len(ledger.poison))
    found = {origin_of(letter) for letter in contents.observed.dead}
    check.problems += [f"no dead letter for {o}: {ledger.poison[o]}" for o in sorted(ledger.poison.keys() - found)]
    check.problems += [f"dead letter of no poison: {o}" for o in sorted(found - ledger.poison.keys())]
    for letter in contents.observed.dead:
        origin = origins.get(origin_of(letter))
        check.expect(bool(letter.headers.get("dlq-reason")), f"without a reason: {origin_of(letter)}")
        if origin is not None:
            whole = (letter.key, letter.value) == (origin.key, origin.value)
            check.expect(whole, f"other bytes than at {place(origin)}")
    return check
