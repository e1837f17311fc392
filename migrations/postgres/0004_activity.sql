-- What happened. Grain: one activity (event_id), whatever the verb and however often it was sent.
-- migrate:up
CREATE TABLE activity (
    event_id         uuid PRIMARY KEY,
    verb             text        NOT NULL,
    actor_id         bigint      NOT NULL,
    object_type      text,
    object_id        bigint,
    target_type      text,
    target_id        bigint,
    occurred_at      timestamptz NOT NULL,
    source_partition int         NOT NULL,
    source_offset    bigint      NOT NULL,
    enriched_offset  bigint      NOT NULL,
    accepted_at      timestamptz NOT NULL,
    enriched_at      timestamptz NOT NULL,
    applied_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE activity IS 'Written by feed-writer-postgres alone. Not partitioned by time: a repeat weeks later must meet the first one''s key.';
COMMENT ON COLUMN activity.occurred_at IS 'event time: what the client said, or the door''s stamp';
COMMENT ON COLUMN activity.source_offset IS 'place in the raw topic';
COMMENT ON COLUMN activity.enriched_offset IS 'place in the enriched topic, same partition';
COMMENT ON COLUMN activity.accepted_at IS 'the raw topic''s LogAppendTime';
COMMENT ON COLUMN activity.enriched_at IS 'the enriched topic''s LogAppendTime';

CREATE INDEX activity_actor ON activity (actor_id, occurred_at DESC, event_id DESC)
    INCLUDE (verb, object_type, object_id, target_type, target_id);

-- migrate:down
DROP TABLE activity;
