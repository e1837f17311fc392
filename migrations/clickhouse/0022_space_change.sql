-- What happened to spaces. Grain: one change (space, event_id); an empty field was not changed by it.
-- migrate:up
CREATE TABLE IF NOT EXISTS space_change (
    space_id      Int64,
    event_id      UUID,
    verb          LowCardinality(String) COMMENT 'space-created, space-updated, space-deleted',
    actor_id      Int64 COMMENT 'who did it; of a space-created the owner',
    name          Nullable(String),
    changed_at    DateTime64(6, 'UTC'),
    origin_offset Int64 COMMENT 'decides which change was last; a space''s changes share a partition',
    version       UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (space_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Changes as they came; dim_space and space_history are what they add up to.';

-- migrate:down
DROP TABLE IF EXISTS space_change;
