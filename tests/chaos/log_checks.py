"""K the raw log, E the enriched one behind the position filter. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from chaos.contents import Check, Contents, genuine, place
from chaos.events import essence
from chaos.ledger import Ledger
from chaos.observed import Place


def raw_holds_what_was_acked(ledger: Ledger, contents: Contents, others: Collection[str]) -> Check:
    check = Check("K every acknowledged event is in the raw log", len(ledger.acked))
    check.problems += [f"lost {i}" for i in sorted(ledger.acked - contents.ids)]
    ours = {i for i, record in contents.first.items() if record.headers["ce_source"] not in others}
    check.problems += [f"never sent {i}" for i in sorted(ours - ledger.entries.keys())]
    return check


def nothing_refused_anywhere(ledger: Ledger, contents: Contents) -> Check:
    refused = ledger.refused
    clients = {(ledger.entries[i].source, ledger.entries[i].ce_id) for i in refused}
    check = Check("K nothing refused is anywhere", len(refused))
    for record in contents.observed.raw:
        named = (record.headers.get("ce_source", ""), record.headers.get("ce_id", ""))
        check.expect(named not in clients, f"refused, yet at {place(record)}: {named}")
    stored = {row.event_id for rows in (contents.observed.activity, contents.observed.facts) for row in rows}
    check.problems += [f"refused, yet stored: {i}" for i in sorted(refused & stored)]
    return check


def told_positions_are_true(ledger: Ledger, contents: Contents) -> Check:
    at = {place(r): r.event_id for r in contents.observed.raw}
    check = Check("K every position told is the event's", sum(len(e.positions) for e in ledger.entries.values()))
    for entry in ledger.entries.values():
        for position in entry.positions:
            check.expect(at.get(position) == entry.event_id, f"{entry.event_id} told {position}: {at.get(position)}")
    return check


def bodies_are_as_sent(ledger: Ledger, contents: Contents) -> Check:
    check = Check("K every body is what the client sent, under its key", len(contents.first))
    for event_id, record in contents.first.items():
        entry = ledger.entries.get(event_id)
        if entry is None:
            continue
        check.expect(record.key == entry.key.encode(), f"{event_id}: key {record.key!r}, not {entry.key}")
        check.expect(essence(entry.verb, record.json()) == entry.essence, f"{event_id}: another body {record.value!r}")
    return check


def new_objects_have_ids_of_their_own(contents: Contents) -> Check:
    made = [
        f"{data['object']['type']} {data['object']['id']}"
        for r in contents.first.values()
        if r.verb in ("post", "comment") and (data := r.json())
    ]
    check = Check("K no object id is handed out twice", len(made))
    check.problems += [f"{n} objects are {name}" for name, n in Counter(made).items() if n > 1]
    return check


def enriched_once(contents: Contents, memory_covers: bool) -> Check:
    check = Check("E the enriched log has each event once, as its first copy", len(contents.first))
    sources: dict[str, list[Place]] = defaultdict(list)
    for record in contents.canonical:
        sources[record.event_id or "no event-id"].append((record.partition, int(record.headers["source-offset"])))
    found = [i for i, places in sources.items() for _ in (places if memory_covers else places[:1])]
    check.same_ids(found, contents.ids)
    for event_id in contents.ids & sources.keys():
        first = contents.first[event_id]
        got = sources[event_id][0]
        check.expect(got == (first.partition, first.offset), f"{event_id}: from {got}, first at {place(first)}")
    return check


def enriched_has_no_holes(ledger: Ledger, contents: Contents) -> Check:
    check = Check("E nothing is passed over: source-from is reached, every offset accounted for", 0)
    position: dict[int, int] = defaultdict(lambda: -1)
    for record in genuine(ledger, contents.observed.enriched):
        check.examined += 1
        source, known = int(record.headers["source-offset"]), int(record.headers["source-from"])
        reached = position[record.partition]
        check.expect(known <= reached, f"{place(record)}: from {known}, reached {reached}")
        position[record.partition] = max(reached, source)
    for record in contents.observed.raw:
        check.expect(record.offset <= position[record.partition], f"never reached: {place(record)}")
    return check
