-- Where the next block of ids begins. Grain: one kind (user, post, photo, …). Operational: no state of the log.
-- migrate:up
CREATE TABLE id_block (
    kind    text   PRIMARY KEY,
    next_id bigint NOT NULL CHECK (next_id >= 1)
);
COMMENT ON TABLE id_block IS 'Blocks are taken by the door with one UPDATE … RETURNING; holes are allowed, reuse is not.';

-- migrate:down
DROP TABLE id_block;
