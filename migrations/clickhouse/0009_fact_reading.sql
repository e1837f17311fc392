-- Readings as facts. Grain: one reading (event_id): a user read a part of a content on a day; a producer's repeat is a reading of its own.
-- migrate:up
CREATE TABLE IF NOT EXISTS fact_reading (
    event_id         UUID,
    user_id          String COMMENT 'family P''s own, text; no user of the feeds',
    content_id       String COMMENT 'family P''s own, text; joins dim_content, maybe later',
    read_percent     Float64 COMMENT '0 to 100; not additive: average or compare it',
    updated_at       Date COMMENT 'the day of the reading, as its producer says',
    accepted_at      DateTime64(3, 'UTC') COMMENT 'when the log took it',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    enriched_at      DateTime64(3, 'UTC'),
    enriched_offset  Int64 COMMENT 'place in the enriched topic, same partition',
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX event_id_bloom event_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(updated_at)
ORDER BY (user_id, updated_at, content_id, event_id)
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 1024
COMMENT 'One reading a row, a user''s days side by side: a fortnight is a few granules. A repeat repeats every column of the key.';

-- migrate:down
DROP TABLE IF EXISTS fact_reading;
