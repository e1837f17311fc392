-- Activities found by their place in the log: what was applied since a position, and what stood at one. Grain: as before.
-- migrate:up
CREATE INDEX activity_place ON activity (source_partition, source_offset);
CREATE INDEX activity_edge ON activity (actor_id, object_id, source_offset)
    WHERE verb IN ('follow', 'unfollow', 'mute', 'unmute', 'block', 'unblock');
CREATE INDEX activity_end ON activity (object_type, object_id)
    WHERE verb IN ('delete', 'user-created', 'user-erased', 'block', 'unblock');

ALTER TABLE activity ADD COLUMN since timestamptz;
COMMENT ON COLUMN activity.since IS 'follows: from when on the followee''s past is seen; null: all';

-- migrate:down
ALTER TABLE activity DROP COLUMN since;
DROP INDEX activity_end;
DROP INDEX activity_edge;
DROP INDEX activity_place;
