"""Every metric of Feedmill, once: its name, kind, labels, unit and help.

Code says `metrics.HTTP_REQUESTS.at("GET", "/me", "200").inc()`: a misspelt metric is an error of the type checker, a
wrong number of labels raises in the first test that gets there. Dashboards and alerts are checked against `TABLE`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Literal, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

Kind = Literal["counter", "gauge", "histogram"]
PrometheusT = TypeVar("PrometheusT", bound=MetricWrapperBase)

TABLE: Final[dict[str, "Metric[MetricWrapperBase]"]] = {}
"""name -> declaration, in the order declared."""

REGISTRY: Final = CollectorRegistry(auto_describe=True)
"""What /metrics shows: these, and the process's own memory, CPU and open files."""
prometheus_client.ProcessCollector(registry=REGISTRY)
prometheus_client.GCCollector(registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Metric(Generic[PrometheusT]):
    """A declaration and, behind `at()`, its time series."""

    name: str
    help: str
    labels: tuple[str, ...]
    kind: Kind
    _series: PrometheusT
    _children: dict[tuple[str, ...], PrometheusT] = field(default_factory=dict)

    def at(self, *values: str) -> PrometheusT:
        """The series with these label values, in the order declared; the same object each time."""
        child = self._children.get(values)
        if child is None:
            child = self._series.labels(*values) if values or self.labels else self._series
            self._children[values] = child
        return child


class Buckets:
    """Upper bounds in seconds."""

    REQUEST_S: ClassVar[Sequence[float]] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
    LAG_S: ClassVar[Sequence[float]] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800)
    RECORDS: ClassVar[Sequence[float]] = (1, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000)


def counter(name: str, help: str, *labels: str) -> Metric[prometheus_client.Counter]:
    """Declare what only grows; `name` ends in `_total`."""
    series = prometheus_client.Counter(name, help, labels, registry=REGISTRY)
    return _declared(Metric(name, help, labels, "counter", series))


def gauge(name: str, help: str, *labels: str) -> Metric[prometheus_client.Gauge]:
    """Declare what goes up and down."""
    series = prometheus_client.Gauge(name, help, labels, registry=REGISTRY)
    return _declared(Metric(name, help, labels, "gauge", series))


def histogram(
    name: str, help: str, *labels: str, buckets: Sequence[float] = Buckets.REQUEST_S
) -> Metric[prometheus_client.Histogram]:
    """Declare a distribution; `name` ends in its unit."""
    series = prometheus_client.Histogram(name, help, labels, registry=REGISTRY, buckets=buckets)
    return _declared(Metric(name, help, labels, "histogram", series))


def _declared(metric: Metric[PrometheusT]) -> Metric[PrometheusT]:
    TABLE[metric.name] = metric  # type: ignore[assignment]
    return metric


def exposition() -> bytes:
    """What /metrics answers: Prometheus text format 0.0.4."""
    return prometheus_client.generate_latest(REGISTRY)


CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST

# every process
BUILD_INFO: Final = gauge("feedmill_build_info", "1; the labels say what runs.", "service", "version")
DEPENDENCY_UP: Final = gauge(
    "feedmill_dependency_up", "1 while the dependency answers, 0 while it is away.", "dependency"
)
PROGRESS_AGE: Final = gauge("feedmill_progress_age_seconds", "Seconds since the process last moved on; see /livez.")

# HTTP services
HTTP_REQUESTS: Final = counter("feedmill_http_requests_total", "Requests answered.", "method", "route", "status")
HTTP_DURATION: Final = histogram(
    "feedmill_http_request_duration_seconds", "From the request's head to the end of the answer.", "method", "route"
)
HTTP_IN_FLIGHT: Final = gauge("feedmill_http_requests_in_flight", "Requests being answered.")
POSITION_WAIT: Final = histogram(
    "feedmill_position_wait_seconds", "Time requests waited for a position to be applied.", "outcome"
)
NOTICES_HEARD: Final = gauge(
    "feedmill_position_notices_heard", "1 while the Postgres sink's notices are heard, 0 while positions are polled."
)
KEYS_CACHED: Final = gauge("feedmill_api_keys_cached", "Keys this process can check while Postgres is away.")
HOME_PAGES: Final = counter(
    "feedmill_home_pages_total",
    "Pages of home feeds read from Postgres: plain ones alone or together in one statement, all others at-length.",
    "how",
)
CACHE: Final = counter(
    "feedmill_cache_total",
    "First pages asked of the cache: hit, miss, passed-by (asked for newer), wrong (not ours); calls: away, skipped.",
    "outcome",
)

# ingest
EVENTS_ACCEPTED: Final = counter("feedmill_events_accepted_total", "Events acknowledged by Kafka.", "verb")
EVENTS_REFUSED: Final = counter("feedmill_events_refused_total", "Events refused at the door.", "code")
EVENTS_RETRY: Final = counter("feedmill_events_retry_total", "Events answered with `retry`.", "reason")
EVENTS_REPEATED: Final = counter(
    "feedmill_events_repeated_total", "Repeats the door still remembered: the first one's answer stands.", "same_body"
)
ACK_DURATION: Final = histogram("feedmill_ack_duration_seconds", "From produce to the broker's acknowledgement.")
QUEUED_RECORDS: Final = gauge("feedmill_queued_records", "Records not yet acknowledged by Kafka.")

# streams
LIVE_STREAMS: Final = gauge("feedmill_live_streams", "Streams of home feeds that are open.")
LIVE_MESSAGES: Final = counter("feedmill_live_messages_total", "Messages put on streams.", "event")
LIVE_ENDED: Final = counter("feedmill_live_streams_ended_total", "Streams that ended.", "reason")

# consumers
RECORDS_READ: Final = counter("feedmill_records_read_total", "Records read from the log.", "topic")
RECORDS_WRITTEN: Final = counter("feedmill_records_written_total", "Records or rows written.", "target")
RECORDS_REPEATED: Final = counter("feedmill_records_repeated_total", "Repeats that were skipped.", "by")
DEAD_LETTERS: Final = counter("feedmill_dead_letters_total", "Records sent to a dead-letter topic.", "topic", "reason")
BATCH_RECORDS: Final = histogram("feedmill_batch_records", "Records in a batch.", "step", buckets=Buckets.RECORDS)
BATCH_DURATION: Final = histogram("feedmill_batch_duration_seconds", "Time one batch took.", "step")
STEP_RETRIES: Final = counter("feedmill_step_retries_total", "Steps tried again because something was away.", "step")
LAG_RECORDS: Final = gauge("feedmill_lag_records", "Records of the log not yet taken.", "topic", "partition")
APPLIED_OFFSET: Final = gauge(
    "feedmill_applied_offset", "Highest raw offset this process has applied.", "topic", "partition"
)
AUDIT_DIFFERENCES: Final = gauge(
    "feedmill_audit_differences", "Events that the log and a store do not agree on, as of the last audit.", "topic"
)
AUDITED_OFFSET: Final = gauge(
    "feedmill_audited_offset", "Raw offset up to which the last audit has judged.", "topic", "partition"
)
AUDITED_AT: Final = gauge("feedmill_audited_timestamp_seconds", "When the last audit ended.")
END_TO_END: Final = histogram(
    "feedmill_end_to_end_seconds", "From accepted (LogAppendTime) to here.", "hop", buckets=Buckets.LAG_S
)

# feeds
FEED_ROWS_PUSHED: Final = counter("feedmill_feed_rows_pushed_total", "Rows written to home feeds.", "by")
FEED_ROWS_REMOVED: Final = counter(
    "feedmill_feed_rows_removed_total", "Rows taken out of home feeds: beyond the depth, or read by nobody."
)
FEED_EDGES_CHANGED: Final = counter(
    "feedmill_feed_edges_changed_total", "Follow edges that went from pull to push or back.", "to"
)
FEED_AUTHORS: Final = gauge("feedmill_feed_authors", "Authors by how they reach their readers.", "mode")
FEED_READERS: Final = gauge("feedmill_feed_readers", "Readers who are pushed to; all others are read by pull.")
FEED_AUDITED: Final = counter("feedmill_feed_audited_total", "Home feeds compared with the definition.", "outcome")
FEED_WRONG_ROWS: Final = counter(
    "feedmill_feed_wrong_rows_total", "Rows of home feeds that were not as the definition says, and were mended.", "how"
)
FEED_FILL_DURATION: Final = histogram("feedmill_feed_fill_duration_seconds", "Time to fill a batch of home feeds.")
