"""What the committed metadata promises, and what it refuses to be."""

from __future__ import annotations

import pytest

from feedmill.feed_writer.clickhouse.ranges import Range, finished, standing
from feedmill.feed_writer.row import START, Position
from feedmill.runtime.kafka import Commit
from feedmill.runtime.outcome import Fatal, TopicPartition

P3 = TopicPartition("activity.enriched.v1", 3)


def test_a_group_that_never_committed_starts_at_the_start() -> None:
    assert standing(P3, None) == (START, None)


def test_what_is_finished_is_where_the_next_owner_starts() -> None:
    assert standing(P3, finished(Position(41, 50))) == (Position(41, 50), None)


def test_what_was_begun_is_finished_with_its_own_bounds() -> None:
    begun = Range(P3, start=50, end=90, applied=41)
    assert standing(P3, begun.begun()) == (Position(41, 50), begun)
    assert begun.token == "activity.enriched.v1:3:50-90"


def test_an_offset_moved_by_hand_knows_nothing_applied() -> None:
    """So that the first record whose writer knew of more stops the sink."""
    assert standing(P3, Commit(50)) == (Position(-1, 50), None)


@pytest.mark.parametrize(
    ("offset", "metadata"),
    [(50, "{"), (50, '{"applied":"x"}'), (50, '{"applied":1,"other":2}'), (50, '{"applied":1,"start":40,"end":60}'),
     (50, '{"applied":1,"start":50,"end":50}')],
)  # fmt: skip
def test_metadata_that_no_sink_wrote_stops_loudly(offset: int, metadata: str) -> None:
    with pytest.raises(Fatal):
        standing(P3, Commit(offset, metadata))
