-- What happened to objects. Grain: one change (object, event_id): its creation or a deletion.
-- migrate:up
CREATE TABLE IF NOT EXISTS object_change (
    object_type   LowCardinality(String),
    object_id     Int64,
    event_id      UUID,
    verb          LowCardinality(String) COMMENT 'post, comment, delete',
    author_id     Int64 COMMENT '0: a deletion, which does not say',
    content       String COMMENT 'JSON as posted; empty: a deletion',
    title         String,
    url           String,
    canonical_url String,
    tags          Array(String),
    mentions      Array(String) COMMENT 'handles',
    target_type   LowCardinality(String) COMMENT 'what a comment is on',
    target_id     Int64,
    space_id      Int64 COMMENT '0: none',
    changed_at    DateTime64(6, 'UTC'),
    origin_offset Int64 COMMENT 'decides which change was last; an object''s changes share a partition',
    version       UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (object_type, object_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Changes as they came; dim_object is what they add up to.';

-- migrate:down
DROP TABLE IF EXISTS object_change;
