-- Who may call, as what. Grain: one key; the key itself is stored nowhere. Operational: no state of the log.
-- migrate:up
CREATE TABLE api_key (
    id         uuid        PRIMARY KEY,
    key_hash   bytea       NOT NULL UNIQUE,
    user_id    bigint,
    owner      text        NOT NULL,
    scopes     text[]      NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON COLUMN api_key.key_hash IS 'sha256 of the key''s text';
COMMENT ON COLUMN api_key.user_id IS 'the user it acts for; null: a service';
COMMENT ON COLUMN api_key.owner IS 'user:<handle> or service:<name>; part of every event_id, kept when keys rotate';

-- migrate:down
DROP TABLE api_key;
