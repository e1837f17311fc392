-- Whether the state is being rebuilt from the log. Grain: one row at most, the latest rebuild. Operational: no state of the log.
-- migrate:up
CREATE TABLE rebuild (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz
);
COMMENT ON TABLE rebuild IS 'finished_at null: what is judged against Postgres answers 503.';

-- migrate:down
DROP TABLE rebuild;
