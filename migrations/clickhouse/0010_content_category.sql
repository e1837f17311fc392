-- What contents are about. Grain: one content in one category; the same said twice is one row.
-- migrate:up
CREATE TABLE IF NOT EXISTS content_category (
    content_id       String,
    category_name    String,
    event_id         UUID COMMENT 'the first event that said so',
    accepted_at      DateTime64(3, 'UTC') COMMENT 'when the log took it',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (content_id, category_name)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024
COMMENT 'Bridge between readings and categories: a reading counts once in each category of its content, so sums over categories exceed the readings.';

-- migrate:down
DROP TABLE IF EXISTS content_category;
