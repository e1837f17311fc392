-- How many rows of fact_readers an article has. Grain: one article (event_id), as before.
-- migrate:up
ALTER TABLE article
    ADD COLUMN IF NOT EXISTS entities Int32 DEFAULT -1 COMMENT 'different entities it names: so many rows of fact_readers are its; -1: read before this was kept' AFTER entity_list;

-- migrate:down
ALTER TABLE article
    DROP COLUMN IF EXISTS entities;
