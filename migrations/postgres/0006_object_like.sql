-- Who likes what. Grain: one user and object that was ever liked; active says whether it still is.
-- migrate:up
CREATE TABLE object_like (
    actor_id      bigint  NOT NULL,
    object_type   text    NOT NULL,
    object_id     bigint  NOT NULL,
    active        boolean NOT NULL,
    liked_at      timestamptz,
    origin_offset bigint  NOT NULL,
    PRIMARY KEY (actor_id, object_type, object_id)
);
COMMENT ON TABLE object_like IS 'Written by feed-writer-postgres alone. Likes of an object not (yet) known, or deleted, wait unseen.';
COMMENT ON COLUMN object_like.liked_at IS 'when the present liking began: a second like leaves it; null: not liked now';

CREATE INDEX object_like_object ON object_like (object_type, object_id) WHERE active;

-- migrate:down
DROP TABLE object_like;
