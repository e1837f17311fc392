-- Entities in articles as facts. Grain: one article × entity, a row only where the count is above 0; entity_counter is additive, readers only over articles of one entity.
-- migrate:up
CREATE TABLE IF NOT EXISTS fact_readers (
    event_id         UUID COMMENT 'joins article',
    id               String COMMENT 'the article''s own id',
    saga_id          LowCardinality(String) COMMENT 'joins dim_saga; the article''s, so the same in all its rows',
    entity_id        String COMMENT 'joins dim_entity',
    entity_counter   Int32 COMMENT 'how often the text names the entity; additive over everything',
    readers          Int32 COMMENT 'the article''s, repeated for each of its entities: never sum it over entities, use analytics.article_entities',
    date_time        DateTime('UTC') COMMENT 'the article''s time',
    entities         UInt32 COMMENT 'different entities of the article: what readers is divided by to be summed over entities',
    source_partition Int32 COMMENT 'place in the raw topic',
    source_offset    Int64,
    version          UInt64 COMMENT '2^64-1 minus the origin offset: of two copies the first in the log wins',
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    INDEX date_time_minmax date_time TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
ORDER BY (entity_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One entity of one article a row. The key holds only what a repeat repeats: not the saga, which a newer model may see otherwise.';

-- migrate:down
DROP TABLE IF EXISTS fact_readers;
