-- What was said about contents. Grain: one statement (content, category, event_id): "this content is in this category".
-- migrate:up
CREATE TABLE IF NOT EXISTS content_change (
    content_id       String COMMENT 'family P''s own, text',
    category_name    String,
    event_id         UUID,
    accepted_at      DateTime64(3, 'UTC') COMMENT 'when the log took it',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    enriched_at      DateTime64(3, 'UTC'),
    enriched_offset  Int64 COMMENT 'place in the enriched topic, same partition',
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX event_id_bloom event_id TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
ORDER BY (content_id, category_name, event_id)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'Statements as they came; content_category and dim_content are what they add up to.';

-- migrate:down
DROP TABLE IF EXISTS content_change;
