"""What a sink's batches come to, as metrics."""

from __future__ import annotations

import time

from feedmill.feed_writer.row import Decoded
from feedmill.feed_writer.settings import SinkName
from feedmill.runtime import metrics


class Observe:
    """One call a batch."""

    def __init__(self, sink: SinkName) -> None:
        self._written = metrics.RECORDS_WRITTEN.at(sink)
        self._repeated = metrics.RECORDS_REPEATED.at("position")
        self._end_to_end = metrics.END_TO_END.at(sink)

    def __call__(self, decoded: Decoded) -> None:
        self._written.inc(len(decoded.rows))
        self._repeated.inc(decoded.repeats)
        for letter in decoded.rejected:
            metrics.DEAD_LETTERS.at(letter.record.topic, letter.rejected.reason).inc()
        for partition, at in decoded.moved.items():
            metrics.APPLIED_OFFSET.at(partition.topic, str(partition.partition)).set(at.source_offset)
        if decoded.rows:  # the one that waited longest speaks for its batch
            self._end_to_end.observe(max(0.0, time.time() - decoded.rows[0].accepted_ms / 1_000))
