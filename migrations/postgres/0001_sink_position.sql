-- How far a sink has come. Grain: one partition of an enriched topic.
-- migrate:up
CREATE TABLE sink_position (
    topic         text   NOT NULL,
    partition     int    NOT NULL,
    source_offset bigint NOT NULL,
    next_offset   bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 20);
COMMENT ON TABLE sink_position IS 'Moved by compare-and-set in the transaction that writes the rows. Written by feed-writer-postgres alone.';
COMMENT ON COLUMN sink_position.topic IS 'the enriched topic';
COMMENT ON COLUMN sink_position.source_offset IS 'highest offset of the raw topic that is applied; -1: none';
COMMENT ON COLUMN sink_position.next_offset IS 'offset of the enriched topic to read next';

-- migrate:down
DROP TABLE sink_position;
