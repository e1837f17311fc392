-- Activities as facts. Grain: one activity (event_id), whatever the verb; count rows over FINAL, nothing else is a measure.
-- migrate:up
CREATE TABLE IF NOT EXISTS fact_activity (
    event_id         UUID,
    verb             LowCardinality(String),
    actor_id         Int64,
    object_type      LowCardinality(String) COMMENT 'empty: the activity has no object',
    object_id        Int64 COMMENT '0: none',
    target_type      LowCardinality(String) COMMENT 'what a comment is on; empty: none',
    target_id        Int64 COMMENT '0: none',
    occurred_at      DateTime64(6, 'UTC') COMMENT 'event time',
    accepted_at      DateTime64(3, 'UTC') COMMENT 'when the log took it',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX occurred_at_minmax occurred_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
ORDER BY (verb, actor_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One activity a row. The key holds only what a repeat repeats, never a time.';

-- migrate:down
DROP TABLE IF EXISTS fact_activity;
