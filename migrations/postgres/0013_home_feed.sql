-- Home feeds as pushed: what a page needs and what never changes. Grain: one reader and activity. Derived: no state of the log.
-- migrate:up
CREATE TABLE home_feed (
    reader_id        bigint      NOT NULL,
    occurred_at      timestamptz NOT NULL,
    event_id         uuid        NOT NULL,
    actor_id         bigint      NOT NULL,
    verb             text        NOT NULL,
    object_type      text,
    object_id        bigint,
    target_type      text,
    target_id        bigint,
    source_partition int         NOT NULL,
    source_offset    bigint      NOT NULL,
    origin_offset    bigint,
    PRIMARY KEY (reader_id, occurred_at, event_id)
);
COMMENT ON TABLE home_feed IS 'Written by feed-writer-postgres alone. A row counts only where its follow edge is pushed (follow_edge.push = 2) and it is not before feed_reader.complete_from.';

CREATE TABLE feed_reader (
    reader_id     bigint      PRIMARY KEY,
    read_at       timestamptz NOT NULL,
    complete_from timestamptz NOT NULL DEFAULT '-infinity',
    wants_fill    boolean     NOT NULL DEFAULT true
) WITH (fillfactor = 70);
COMMENT ON TABLE feed_reader IS 'Who reads home feeds and is therefore pushed to; who has no row is read by pull. Noted by api, kept by feed-writer-postgres. Operational: no state of the log.';
COMMENT ON COLUMN feed_reader.read_at IS 'when a home feed was last read, to within ten minutes';
COMMENT ON COLUMN feed_reader.complete_from IS 'rows of pushed edges are complete from this time on; what is older is pulled';
COMMENT ON COLUMN feed_reader.wants_fill IS 'some edges may be pulled that could be pushed';
CREATE INDEX feed_reader_wants_fill ON feed_reader (reader_id) WHERE wants_fill;

CREATE TABLE feed_author (
    author_id            bigint      PRIMARY KEY,
    mode                 text        NOT NULL CHECK (mode IN ('push', 'pull')),
    readers              int         NOT NULL,
    activities_an_hour   int         NOT NULL,
    reviewed_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE feed_author IS 'How each author reaches readers, and the measured cost that decided it. Operational: no state of the log.';
COMMENT ON COLUMN feed_author.readers IS 'followers who read their home feed, counted up to a little above the limit';
CREATE INDEX feed_author_reviewed ON feed_author (reviewed_at);

ALTER TABLE follow_edge
    ADD COLUMN push             smallint NOT NULL DEFAULT 0,
    ADD COLUMN began_offset     bigint   NOT NULL DEFAULT -1,
    ADD COLUMN source_partition int      NOT NULL DEFAULT 0;
COMMENT ON COLUMN follow_edge.push IS 'derived: 0 pulled; 1 pushed to and being filled, read by pull; 2 pushed. A follow or an unfollow sets it back';
COMMENT ON COLUMN follow_edge.began_offset IS 'origin of the follow that began the present following';
CREATE INDEX follow_edge_pushed ON follow_edge (followee_id, follower_id) WHERE push > 0;
CREATE INDEX follow_edge_pulled ON follow_edge (follower_id, followee_id) WHERE active AND push < 2;

-- migrate:down
DROP INDEX follow_edge_pulled;
DROP INDEX follow_edge_pushed;
ALTER TABLE follow_edge DROP COLUMN push, DROP COLUMN began_offset, DROP COLUMN source_partition;
DROP TABLE feed_author;
DROP TABLE feed_reader;
DROP TABLE home_feed;
