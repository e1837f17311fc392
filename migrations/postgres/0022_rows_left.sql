-- Edges say where an ended following may have left pushed rows, so that a page need not ask each row's edge. Grain: as before.
-- migrate:up
ALTER TABLE follow_edge ADD COLUMN rows_left boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN follow_edge.rows_left IS 'derived: a following that ended, or began anew, may have left rows in home_feed; set by what ends it, taken back once they are swept';
UPDATE follow_edge SET rows_left = true WHERE NOT active OR since IS NOT NULL;
CREATE INDEX follow_edge_rows_left ON follow_edge (follower_id) WHERE rows_left;

ALTER TABLE feed_reader
    ADD COLUMN began_offset     bigint NOT NULL DEFAULT -1,
    ADD COLUMN source_partition int    NOT NULL DEFAULT 0;
COMMENT ON COLUMN feed_reader.began_offset IS 'highest began_offset of the edges that were ever pushed; they share a partition';
UPDATE feed_reader SET began_offset = newest.began_offset, source_partition = newest.source_partition
  FROM (SELECT DISTINCT ON (follower_id) follower_id, began_offset, source_partition FROM follow_edge
         WHERE push = 2 ORDER BY follower_id, began_offset DESC) newest
 WHERE follower_id = reader_id;

DROP INDEX follow_edge_pushed;
CREATE INDEX follow_edge_pushed ON follow_edge (followee_id, follower_id) INCLUDE (since) WHERE push > 0;

-- migrate:down
DROP INDEX follow_edge_pushed;
CREATE INDEX follow_edge_pushed ON follow_edge (followee_id, follower_id) WHERE push > 0;
ALTER TABLE feed_reader DROP COLUMN began_offset, DROP COLUMN source_partition;
DROP INDEX follow_edge_rows_left;
ALTER TABLE follow_edge DROP COLUMN rows_left;
