"""Compares what clients were told with what lies in the log and in both stores. Pure.

K the raw log, E the enriched one behind the position filter, P Postgres, C ClickHouse, D dead letters; then the order
within each key, and the state the log adds up to. Everything is compared as sets of ids, never as counts.
"""

from __future__ import annotations

from collections.abc import Collection

from chaos import log_checks as log
from chaos import state_checks as state
from chaos import store_checks as store
from chaos.contents import Check, contents_of
from chaos.ledger import Ledger
from chaos.observed import Observed


def check_all(
    ledger: Ledger, observed: Observed, *, memory_covers: bool = True, others: Collection[str] = ()
) -> list[Check]:
    """Every check. `memory_covers=False` where the enricher's memory was made small: older repeats may reach sinks.
    `others` are sources of events that no ledger was kept of."""
    contents = contents_of(ledger, observed)
    return [
        log.raw_holds_what_was_acked(ledger, contents, others),
        log.nothing_refused_anywhere(ledger, contents),
        log.told_positions_are_true(ledger, contents),
        log.bodies_are_as_sent(ledger, contents),
        log.new_objects_have_ids_of_their_own(contents),
        log.enriched_once(contents, memory_covers),
        log.enriched_has_no_holes(ledger, contents),
        store.stored_once("P activity once", observed.activity, contents),
        store.stored_once("C fact_activity FINAL once", observed.facts, contents),
        store.facts_raw(observed, memory_covers),
        store.days_add_up(contents),
        store.dead_letters_are_the_poison(ledger, contents),
        state.raw_order(ledger, contents),
        state.stored_order(ledger, contents),
        state.follows_are_the_fold(contents),
        state.likes_are_the_fold(contents),
    ]
