-- What the text of an article says. Grain: one article (event_id), as before.
-- migrate:up
ALTER TABLE article
    ADD COLUMN IF NOT EXISTS saga_id LowCardinality(String) DEFAULT '' COMMENT 'joins dim_saga; empty: set aside, nothing was asked' AFTER readers,
    ADD COLUMN IF NOT EXISTS saga_probability Float64 DEFAULT 0 COMMENT 'of the likeliest saga; not additive' AFTER saga_id,
    ADD COLUMN IF NOT EXISTS saga_model LowCardinality(String) DEFAULT '' COMMENT 'version of the classifier' AFTER saga_probability,
    ADD COLUMN IF NOT EXISTS entity_list LowCardinality(String) DEFAULT '' COMMENT 'version of the list of entities' AFTER saga_model,
    ADD COLUMN IF NOT EXISTS set_aside LowCardinality(String) DEFAULT '' COMMENT 'empty, unreadable, too_many_entities: why nothing was looked for; else empty' AFTER entity_list;

-- migrate:down
ALTER TABLE article
    DROP COLUMN IF EXISTS saga_id, DROP COLUMN IF EXISTS saga_probability, DROP COLUMN IF EXISTS saga_model,
    DROP COLUMN IF EXISTS entity_list, DROP COLUMN IF EXISTS set_aside;
