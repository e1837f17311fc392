"""The dashboards: what an operator wants to see, one file each.

A test holds every metric named here to the runtime's table.
"""

from __future__ import annotations

from feedmill.cli.deployment.grafana import Dashboard, Query, figure, graph, quantiles

RATE = "[$__rate_interval]"
ANSWERED_503 = 'feedmill_http_requests_total{status="503"}'
SERVICES = 'job=~"ingest|api|enricher|feed-writer-.*"'


def rate(metric: str, by: str) -> Query:
    return Query(f"sum by ({by}) (rate({metric}{RATE}))", " ".join(f"{{{{{label}}}}}" for label in by.split(", ")))


def p99(histogram: str, where: str = "") -> str:
    return f"histogram_quantile(0.99, sum by (le) (rate({histogram}_bucket{where}[5m])))"


PIPELINE = Dashboard(
    "feedmill-pipeline",
    "Feedmill: pipeline",
    (
        (
            figure("Processes up", f"sum(up{{{SERVICES}}})"),
            figure("Accepted, events/s", "sum(rate(feedmill_events_accepted_total[1m]))", unit="ops"),
            figure("Behind, records", "sum(feedmill_lag_records)", bad_above=10_000),
            figure(
                "Accepted to Postgres, p99",
                p99("feedmill_end_to_end_seconds", '{job="feed-writer-postgres"}'),
                unit="s",
                bad_above=5,
            ),
            figure(
                "Accepted to ClickHouse, p99",
                p99("feedmill_end_to_end_seconds", '{job="feed-writer-clickhouse"}'),
                unit="s",
                bad_above=60,
            ),
            figure(
                "Dead letters, last hour",
                "sum(increase(feedmill_dead_letters_total[1h])) or vector(0)",
                help="Records that can never succeed; `feedmill dlq list` shows them.",
                bad_above=1,
            ),
        ),
        (
            graph("Accepted by verb", rate("feedmill_events_accepted_total", "verb"), unit="ops"),
            graph("Read from the log", rate("feedmill_records_read_total", "job"), unit="ops"),
            graph("Written", rate("feedmill_records_written_total", "job, target"), unit="ops"),
        ),
        (
            graph(
                "Lag",
                Query("sum by (job) (feedmill_lag_records)", "{{job}}"),
                help="Records of the log a consumer has not yet taken.",
            ),
            graph(
                "Applied positions",
                Query("sum by (job) (max by (job, topic, partition) (feedmill_applied_offset))", "{{job}}"),
                help="Raw offsets applied, summed over partitions: parallel lines; their distance is under way.",
            ),
            graph("Acknowledged by Kafka", *quantiles("feedmill_ack_duration_seconds"), unit="s"),
        ),
        (
            graph("From accepted to here", *quantiles("feedmill_end_to_end_seconds", by="hop"), unit="s"),
            graph(
                "Progress", Query("feedmill_progress_age_seconds", "{{job}}"), unit="s", help="Time since it moved on."
            ),
            graph("Memory", Query(f"process_resident_memory_bytes{{{SERVICES}}}", "{{job}}"), unit="bytes"),
        ),
    ),
)

INGEST = Dashboard(
    "feedmill-ingest",
    "Feedmill: doors",
    (
        (
            graph("Accepted", rate("feedmill_events_accepted_total", "verb"), unit="ops"),
            graph("Refused", rate("feedmill_events_refused_total", "code"), unit="ops"),
            graph("Answered `retry`", rate("feedmill_events_retry_total", "reason"), unit="ops"),
            graph(
                "Repeats still remembered",
                rate("feedmill_events_repeated_total", "same_body"),
                unit="ops",
                help="Clients that sent an event again; with another body it is a conflict.",
            ),
        ),
        (
            graph("Requests", rate("feedmill_http_requests_total", "job, status"), unit="reqps"),
            graph("Time of requests", *quantiles("feedmill_http_request_duration_seconds", by="route"), unit="s"),
            graph("In flight", Query("feedmill_http_requests_in_flight", "{{job}}")),
        ),
        (
            graph("Waiting for Kafka's acknowledgement", Query("feedmill_queued_records", "{{job}}")),
            graph("Acknowledged", *quantiles("feedmill_ack_duration_seconds"), unit="s"),
            graph("Waits for a position", *quantiles("feedmill_position_wait_seconds", by="outcome"), unit="s"),
            graph(
                "Keys known",
                Query("feedmill_api_keys_cached", "{{job}}"),
                help="They are served while Postgres is away.",
            ),
        ),
    ),
)

SINKS = Dashboard(
    "feedmill-sinks",
    "Feedmill: enricher and sinks",
    (
        (
            graph("Written", rate("feedmill_records_written_total", "job, target"), unit="ops"),
            graph(
                "Repeats skipped",
                rate("feedmill_records_repeated_total", "job, by"),
                unit="ops",
                help="Retries of clients and records read again after a restart; `by` is the guard that saw them.",
            ),
            graph("Dead letters", rate("feedmill_dead_letters_total", "topic, reason"), unit="ops"),
        ),
        (
            graph("Records a batch", *quantiles("feedmill_batch_records", by="job")),
            graph("Time a batch, by step", *quantiles("feedmill_batch_duration_seconds", by="step"), unit="s"),
            graph("Steps tried again", rate("feedmill_step_retries_total", "job, step"), unit="ops"),
        ),
        (
            graph("Lag by partition", Query("feedmill_lag_records", "{{job}} {{topic}}/{{partition}}")),
            graph("Applied by partition", Query("feedmill_applied_offset", "{{job}} {{topic}}/{{partition}}")),
            graph("CPU", Query(f"rate(process_cpu_seconds_total{{{SERVICES}}}{RATE})", "{{job}}"), unit="percentunit"),
        ),
    ),
)

STORES = Dashboard(
    "feedmill-stores",
    "Feedmill: stores away",
    (
        (
            figure("Dependencies away", "count(feedmill_dependency_up == 0) or vector(0)", bad_above=1),
            figure(
                "503 a second", 'sum(rate(feedmill_http_requests_total{status="503"}[1m])) or vector(0)', unit="reqps"
            ),
            figure("Retried steps a second", "sum(rate(feedmill_step_retries_total[1m])) or vector(0)", unit="ops"),
            figure("Behind, records", "sum(feedmill_lag_records)", bad_above=10_000),
        ),
        (
            graph(
                "Dependencies", Query("feedmill_dependency_up", "{{job}} → {{dependency}}"), help="1 answers, 0 away."
            ),
            graph(
                "503 by service and route",
                rate('feedmill_http_requests_total{status="503"}', "job, route"),
                unit="reqps",
            ),
            graph("Catching up", Query("sum by (job) (feedmill_lag_records)", "{{job}}")),
        ),
        (
            graph("Steps tried again", rate("feedmill_step_retries_total", "job, step"), unit="ops"),
            graph("Answered `retry`", rate("feedmill_events_retry_total", "reason"), unit="ops"),
            graph("Waits for a position", rate("feedmill_position_wait_seconds_count", "outcome"), unit="ops"),
        ),
        (
            graph(
                "ClickHouse: rows inserted",
                Query(f"rate(ClickHouseProfileEvents_InsertedRows{RATE})", "rows"),
                unit="ops",
            ),
            graph(
                "ClickHouse: parts in the fullest partition",
                Query("ClickHouseAsyncMetrics_MaxPartCountForPartition", "parts"),
            ),
            graph("ClickHouse: memory", Query("ClickHouseMetrics_MemoryTracking", "tracked"), unit="bytes"),
        ),
    ),
)

DASHBOARDS = {"pipeline": PIPELINE, "ingest": INGEST, "sinks": SINKS, "stores": STORES}
"""File name below deploy/grafana/dashboards -> dashboard."""
