-- Who mutes, blocks, recommends or is connected to whom. Grain: one kind and pair that ever was; active says whether it still is.
-- migrate:up
CREATE TABLE user_edge (
    actor_id      bigint  NOT NULL,
    kind          text    NOT NULL,
    object_id     bigint  NOT NULL,
    active        boolean NOT NULL,
    began_at      timestamptz,
    ended_offset  bigint  NOT NULL DEFAULT -1,
    origin_offset bigint  NOT NULL,
    PRIMARY KEY (actor_id, kind, object_id)
);
COMMENT ON TABLE user_edge IS 'Written by feed-writer-postgres alone. A pair''s records share a partition: only a higher origin_offset changes a row.';
COMMENT ON COLUMN user_edge.kind IS 'mute, block, recommend, or connect (whose actor is the lower id of the pair)';
COMMENT ON COLUMN user_edge.began_at IS 'when what holds now began: a second mute leaves it; null: does not hold now';
COMMENT ON COLUMN user_edge.ended_offset IS 'origin of the last end: what was said before it is taken back; -1: never ended';

CREATE INDEX user_edge_object ON user_edge (object_id, kind, actor_id) WHERE active;

-- migrate:down
DROP TABLE user_edge;
