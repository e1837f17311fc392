-- How far the warehouse has come. Grain: one partition of an enriched topic; read it as max(source_offset) a partition.
-- migrate:up
CREATE TABLE IF NOT EXISTS sink_position (
    topic         LowCardinality(String) COMMENT 'the enriched topic',
    partition     Int32,
    source_offset Int64 COMMENT 'highest offset of the raw topic that is inserted',
    applied_at    DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (topic, partition)
COMMENT 'Written by feed-writer-clickhouse after each insert; where it starts again is in the group''s committed metadata.';

-- migrate:down
DROP TABLE IF EXISTS sink_position;
