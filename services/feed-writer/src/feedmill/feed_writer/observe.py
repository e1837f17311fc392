"""What a sink's batches come to, as metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from feedmill.feed_writer.row import Decoded, Position
from feedmill.feed_writer.settings import SinkName
from feedmill.runtime import metrics
from feedmill.runtime.outcome import TopicPartition


class Observe:
    """One call a batch, where it is taken and written in one step; else one call each."""

    def __init__(self, sink: SinkName) -> None:
        self._written = metrics.RECORDS_WRITTEN.at(sink)
        self._repeated = metrics.RECORDS_REPEATED.at("position")
        self._end_to_end = metrics.END_TO_END.at(sink)

    def __call__(self, decoded: Decoded[Any]) -> None:
        self.taken(decoded)
        oldest_ms = decoded.rows[0].accepted_ms if decoded.rows else None
        self.written(len(decoded.rows), decoded.moved, oldest_ms)

    def taken(self, decoded: Decoded[Any]) -> None:
        """Read and judged."""
        self._repeated.inc(decoded.repeats)
        for letter in decoded.rejected:
            metrics.DEAD_LETTERS.at(letter.record.topic, letter.rejected.reason).inc()

    def written(self, rows: int, moved: Mapping[TopicPartition, Position], oldest_ms: int | None) -> None:
        """In the store. `oldest_ms`: when the log took the row that waited longest; it speaks for its batch."""
        self._written.inc(rows)
        for partition, at in moved.items():
            metrics.APPLIED_OFFSET.at(partition.topic, str(partition.partition)).set(at.source_offset)
        if oldest_ms is not None:
            self._end_to_end.observe(max(0.0, time.time() - oldest_ms / 1_000))
