-- Articles without a text to search. Grain: one article (event_id); readers are additive. None of them is in fact_readers.
-- migrate:up
CREATE TABLE IF NOT EXISTS article_set_aside (
    event_id         UUID COMMENT 'joins article, which keeps the text as it came',
    id               String COMMENT 'the article''s own id; 000000 where its producer could not decode it',
    date_time        DateTime('UTC'),
    readers          Int32 COMMENT 'additive over everything',
    reason           LowCardinality(String) COMMENT 'empty, unreadable, too_many_entities',
    text_bytes       UInt32 COMMENT 'length as UTF-8',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (reason, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Counted, never dropped in silence.';

-- migrate:down
DROP TABLE IF EXISTS article_set_aside;
