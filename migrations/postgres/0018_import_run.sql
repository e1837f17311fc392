-- How far an import of history has come. Grain: one dataset of a kind, its latest run. Operational: no state of the log.
-- migrate:up
CREATE TABLE import_run (
    kind        text        NOT NULL,
    dataset     text        NOT NULL,
    sha256      text        NOT NULL,
    line        bigint      NOT NULL DEFAULT 0,
    rows        bigint      NOT NULL DEFAULT 0,
    rejected    bigint      NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (kind, dataset)
);
COMMENT ON TABLE import_run IS 'Everything up to `line` is acknowledged by the log; a run that goes on begins behind it.';

-- migrate:down
DROP TABLE import_run;
