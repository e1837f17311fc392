-- What was posted or commented. Grain: one object (post, photo, link, article, comment), deleted ones kept as tombstones.
-- migrate:up
CREATE TABLE object (
    type           text   NOT NULL,
    id             bigint NOT NULL,
    author_id      bigint,
    content        jsonb,
    title          text,
    url            text,
    canonical_url  text,
    tags           text[] NOT NULL DEFAULT '{}',
    mentions       text[] NOT NULL DEFAULT '{}',
    space_id       bigint,
    created_at     timestamptz,
    deleted_at     timestamptz,
    origin_offset  bigint NOT NULL DEFAULT -1,
    deleted_offset bigint,
    PRIMARY KEY (type, id)
);
COMMENT ON TABLE object IS 'Written by feed-writer-postgres alone. A row without an author: its deletion came first.';
COMMENT ON COLUMN object.content IS 'any JSON, as posted';
COMMENT ON COLUMN object.mentions IS 'handles, joined when read';
COMMENT ON COLUMN object.deleted_at IS 'set: hides the object and all that hangs on it';
COMMENT ON COLUMN object.origin_offset IS 'origin of the creation; -1: not seen yet';
COMMENT ON COLUMN object.deleted_offset IS 'origin of the first deletion: a second one changes nothing';

CREATE INDEX object_author ON object (author_id, created_at DESC);

-- migrate:down
DROP TABLE object;
