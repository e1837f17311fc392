-- What happened to users. Grain: one change (user, event_id); an empty field was not changed by it.
-- migrate:up
CREATE TABLE IF NOT EXISTS user_change (
    user_id       Int64,
    event_id      UUID,
    verb          LowCardinality(String) COMMENT 'user-created, user-updated, user-erased',
    handle        Nullable(String),
    uuid          Nullable(UUID),
    name          Nullable(String),
    college       Nullable(String),
    changed_at    DateTime64(6, 'UTC'),
    origin_offset Int64 COMMENT 'decides which change was last; a user''s changes share a partition',
    version       UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (user_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Changes as they came; dim_user is what they add up to.';

-- migrate:down
DROP TABLE IF EXISTS user_change;
