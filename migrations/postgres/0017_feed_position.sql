-- How far someone has seen and read. Grain: one reader and feed (home, notifications).
-- migrate:up
CREATE TABLE feed_position (
    reader_id    bigint NOT NULL,
    feed         text   NOT NULL,
    seen_through timestamptz,
    read_through timestamptz,
    PRIMARY KEY (reader_id, feed)
);
COMMENT ON TABLE feed_position IS 'Written by feed-writer-postgres alone. Each only moves on: the later one wins, in whatever order they come.';
COMMENT ON COLUMN feed_position.seen_through IS 'never before read_through: what was read was seen';

-- migrate:down
DROP TABLE feed_position;
