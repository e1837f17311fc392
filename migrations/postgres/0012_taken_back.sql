-- What was said before an end is taken back by it: a like shows only where its origin is above its pair's last unlike. Grain: as before.
-- migrate:up
ALTER TABLE object_like ADD COLUMN ended_offset bigint NOT NULL DEFAULT -1;
COMMENT ON COLUMN object_like.ended_offset IS 'origin of the last unlike; -1: never';
ALTER TABLE activity ADD COLUMN origin_offset bigint;
COMMENT ON COLUMN activity.origin_offset IS 'where a replayed dead letter first was; null: source_offset';

DROP INDEX activity_actor;
CREATE INDEX activity_actor ON activity (actor_id, occurred_at DESC, event_id DESC)
    INCLUDE (verb, object_type, object_id, target_type, target_id, source_partition, source_offset, origin_offset);

-- migrate:down
DROP INDEX activity_actor;
CREATE INDEX activity_actor ON activity (actor_id, occurred_at DESC, event_id DESC)
    INCLUDE (verb, object_type, object_id, target_type, target_id);
ALTER TABLE activity DROP COLUMN origin_offset;
ALTER TABLE object_like DROP COLUMN ended_offset;
