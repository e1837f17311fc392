-- Articles as they came. Grain: one article (event_id); readers are additive over articles, not over their entities.
-- migrate:up
CREATE TABLE IF NOT EXISTS article (
    event_id         UUID,
    id               String,
    date_time        DateTime('UTC'),
    readers          Int32,
    text             String CODEC(ZSTD(1)),
    accepted_at      DateTime64(3, 'UTC') COMMENT 'when the log took it',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    enriched_at      DateTime64(3, 'UTC'),
    enriched_offset  Int64 COMMENT 'place in the enriched topic, same partition',
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX event_id_bloom event_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
ORDER BY (id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One article a row.';

-- migrate:down
DROP TABLE IF EXISTS article;
