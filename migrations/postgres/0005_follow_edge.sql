-- Who follows whom. Grain: one pair that ever followed; active says whether it still does.
-- migrate:up
CREATE TABLE follow_edge (
    follower_id   bigint      NOT NULL,
    followee_id   bigint      NOT NULL,
    active        boolean     NOT NULL,
    since         timestamptz,
    followed_at   timestamptz,
    origin_offset bigint      NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
);
COMMENT ON TABLE follow_edge IS 'Written by feed-writer-postgres alone. A pair''s records share a partition: only a higher origin_offset changes a row.';
COMMENT ON COLUMN follow_edge.since IS 'posts from then on show in the home feed; null: all';
COMMENT ON COLUMN follow_edge.followed_at IS 'when the present following began: a follow of one already followed leaves it; null: not followed now';

CREATE INDEX follow_edge_followee ON follow_edge (followee_id) WHERE active;

-- migrate:down
DROP TABLE follow_edge;
