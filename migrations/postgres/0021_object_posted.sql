-- What someone posted, newest first, counted without a look at the rows. Grain: as before.
-- migrate:up
CREATE INDEX object_posted ON object (author_id, created_at DESC) WHERE deleted_at IS NULL AND type <> 'comment';
DROP INDEX object_author;

-- migrate:down
CREATE INDEX object_author ON object (author_id, created_at DESC);
DROP INDEX object_posted;
