-- Which activities made a text with a tag, or with a mention. Grain: one tag (one mentioned handle) of one activity.
-- migrate:up
CREATE TABLE object_tag (
    tag         text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    uuid        NOT NULL,
    PRIMARY KEY (tag, occurred_at, event_id)
);
COMMENT ON TABLE object_tag IS 'Written by feed-writer-postgres alone, from object.tags. Derived: not in the digest; a rebuild makes it anew.';
COMMENT ON COLUMN object_tag.tag IS 'case-folded, without #';

CREATE TABLE object_mention (
    handle      text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id    uuid        NOT NULL,
    PRIMARY KEY (handle, occurred_at, event_id)
);
COMMENT ON TABLE object_mention IS 'Written by feed-writer-postgres alone, from object.mentions. Derived: not in the digest; a rebuild makes it anew.';
COMMENT ON COLUMN object_mention.handle IS 'lower case, without @; joined to a user when read: it may be created later';

INSERT INTO object_tag
SELECT DISTINCT said.tag, a.occurred_at, a.event_id
  FROM activity a JOIN object o ON (o.type, o.id) = (a.object_type, a.object_id), unnest(o.tags) AS said (tag)
 WHERE a.verb IN ('post', 'comment');
INSERT INTO object_mention
SELECT DISTINCT lower(said.handle), a.occurred_at, a.event_id
  FROM activity a JOIN object o ON (o.type, o.id) = (a.object_type, a.object_id), unnest(o.mentions) AS said (handle)
 WHERE a.verb IN ('post', 'comment');

-- migrate:down
DROP TABLE object_mention;
DROP TABLE object_tag;
