-- What someone may be told of. Grain: one kind of deed (like, share, comment) about one object of the owner's, or one day's follows.
-- migrate:up
CREATE TABLE notice (
    owner_id   bigint      NOT NULL,
    kind       text        NOT NULL,
    about_type text        NOT NULL,
    about_id   bigint      NOT NULL,
    latest_at  timestamptz NOT NULL,
    PRIMARY KEY (owner_id, kind, about_type, about_id)
);
COMMENT ON TABLE notice IS 'Written by feed-writer-postgres alone. Says only where to look: who and how many is counted from the sets when read. Derived: not in the digest; a rebuild makes it anew.';
COMMENT ON COLUMN notice.about_type IS 'the object''s type; follows: day';
COMMENT ON COLUMN notice.about_id IS 'the object''s id; follows: days since 1970 of the follow''s own time';
COMMENT ON COLUMN notice.latest_at IS 'newest time anything of this was ever said: what stands now is not newer';

CREATE INDEX notice_newest ON notice (owner_id, latest_at DESC);

-- Objects that are spoken of and not there yet, as the sink leaves them from now on: rows without an author.
INSERT INTO object (type, id)
SELECT DISTINCT said.type, said.id
  FROM (SELECT object_type, object_id FROM activity WHERE verb IN ('like', 'share')
         UNION ALL SELECT target_type, target_id FROM activity WHERE verb = 'comment') AS said (type, id)
 WHERE said.type IS NOT NULL
ON CONFLICT DO NOTHING;
INSERT INTO notice
SELECT o.author_id, said.kind, o.type, o.id, max(said.at)
  FROM (SELECT verb, object_type, object_id, occurred_at FROM activity WHERE verb IN ('like', 'share')
         UNION ALL SELECT verb, target_type, target_id, occurred_at FROM activity WHERE verb = 'comment')
       AS said (kind, type, id, at)
  JOIN object o ON (o.type, o.id) = (said.type, said.id)
 WHERE o.author_id IS NOT NULL
 GROUP BY 1, 2, 3, 4;
INSERT INTO notice
SELECT object_id, 'follow', 'day', floor(extract(epoch FROM occurred_at) / 86400), max(occurred_at)
  FROM activity
 WHERE verb = 'follow' AND object_id IS NOT NULL
 GROUP BY 1, 4;

-- migrate:down
DROP TABLE notice;
