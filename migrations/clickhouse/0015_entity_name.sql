-- What entities are called. Grain: one entity; the name as the latest article that named it had it.
-- migrate:up
CREATE TABLE IF NOT EXISTS entity_name (
    entity_id   String COMMENT 'the name as it is compared: case folded, blanks as one',
    name        String COMMENT 'as the list writes it',
    version     UInt64 COMMENT 'origin offset: the last wins',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY entity_id
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Written along with the facts; dim_entity is what it adds up to.';

-- migrate:down
DROP TABLE IF EXISTS entity_name;
