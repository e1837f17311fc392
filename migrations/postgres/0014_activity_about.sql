-- What was done with an object: its likes, shares and comments, found by the object. Grain: as before.
-- migrate:up
CREATE INDEX activity_object ON activity (object_type, object_id, verb)
    INCLUDE (actor_id, occurred_at, source_offset, origin_offset) WHERE verb IN ('like', 'share');
CREATE INDEX activity_target ON activity (target_type, target_id)
    INCLUDE (actor_id, occurred_at, object_type, object_id) WHERE verb = 'comment';

DROP INDEX object_like_object;
CREATE INDEX object_like_object ON object_like (object_type, object_id, liked_at DESC) INCLUDE (actor_id) WHERE active;

CREATE INDEX follow_edge_newest ON follow_edge (followee_id, followed_at DESC) INCLUDE (follower_id) WHERE active;

CREATE INDEX user_seen ON user_profile (id) INCLUDE (handle, name) WHERE handle IS NOT NULL AND erased_at IS NULL;
CREATE INDEX user_erased ON user_profile (id) WHERE erased_at IS NOT NULL;

-- migrate:down
DROP INDEX user_erased;
DROP INDEX user_seen;
DROP INDEX follow_edge_newest;
DROP INDEX object_like_object;
CREATE INDEX object_like_object ON object_like (object_type, object_id) WHERE active;
DROP INDEX activity_target;
DROP INDEX activity_object;
