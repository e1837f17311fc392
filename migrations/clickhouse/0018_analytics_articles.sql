-- Views for analysts over articles: whatever they offer as a measure may be summed over every column of the view. Grain: see each.
-- migrate:up
CREATE DATABASE IF NOT EXISTS analytics;

CREATE OR REPLACE VIEW analytics.articles (
    event_id UUID,
    id String COMMENT 'the article''s own id',
    date_time DateTime('UTC'),
    day Date COMMENT 'joins dim_date',
    saga_id LowCardinality(String) COMMENT 'joins dim_saga',
    readers Int64 COMMENT 'additive',
    articles UInt64 COMMENT '1; additive'
) AS
SELECT event_id, id, date_time, toDate(date_time) AS day, saga_id, toInt64(readers) AS readers, toUInt64(1) AS articles
FROM article FINAL
WHERE set_aside = ''
COMMENT 'Grain: one article with a text. Additive: readers, articles.';

CREATE OR REPLACE VIEW analytics.articles_set_aside (
    event_id UUID,
    id String COMMENT 'the article''s own id',
    date_time DateTime('UTC'),
    day Date COMMENT 'joins dim_date',
    reason LowCardinality(String) COMMENT 'empty, unreadable, too_many_entities',
    readers Int64 COMMENT 'additive',
    articles UInt64 COMMENT '1; additive'
) AS
SELECT event_id, id, date_time, toDate(date_time) AS day, reason, toInt64(readers) AS readers, toUInt64(1) AS articles
FROM article_set_aside FINAL
WHERE (event_id, version) IN (SELECT event_id, version FROM article FINAL)
COMMENT 'Grain: one article without a text to search. Additive: readers, articles.';

CREATE OR REPLACE VIEW analytics.article_entities (
    event_id UUID COMMENT 'joins analytics.articles',
    date_time DateTime('UTC'),
    day Date COMMENT 'joins dim_date',
    saga_id LowCardinality(String) COMMENT 'joins dim_saga',
    entity_id String COMMENT 'joins dim_entity',
    occurrences Int64 COMMENT 'additive',
    readers_share Float64 COMMENT 'the article''s readers divided by its entities: additive, all of an article''s rows sum to its readers'
) AS
SELECT event_id, date_time, toDate(date_time) AS day, saga_id, entity_id, toInt64(entity_counter) AS occurrences, readers / entities AS readers_share
FROM fact_readers FINAL
WHERE (event_id, version) IN (SELECT event_id, version FROM article FINAL)
COMMENT 'Grain: one article and entity. Additive: occurrences, readers_share. Readers of one entity: fact_readers, never summed over entities.';

-- migrate:down
DROP VIEW IF EXISTS analytics.article_entities;
DROP VIEW IF EXISTS analytics.articles_set_aside;
DROP VIEW IF EXISTS analytics.articles;
