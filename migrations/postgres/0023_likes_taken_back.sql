-- Likes that were ever taken back, found by the object: few beside those that never were. Grain: as before.
-- migrate:up
CREATE INDEX object_like_ended ON object_like (object_type, object_id, actor_id) INCLUDE (ended_offset) WHERE ended_offset >= 0;

-- migrate:down
DROP INDEX object_like_ended;
