-- Who someone is now. Grain: one user. Written by feed-writer-postgres alone.
-- migrate:up
CREATE TABLE user_profile (
    id             bigint PRIMARY KEY,
    handle         text,
    uuid           uuid,
    name           text,
    email          text,
    college        text,
    created_at     timestamptz,
    updated_at     timestamptz,
    erased_at      timestamptz,
    origin_offset  bigint NOT NULL DEFAULT -1,
    name_offset    bigint NOT NULL DEFAULT -1,
    email_offset   bigint NOT NULL DEFAULT -1,
    college_offset bigint NOT NULL DEFAULT -1
);
COMMENT ON TABLE user_profile IS 'A row without a handle: a change came before the creation; nobody sees it yet.';
COMMENT ON COLUMN user_profile.handle IS 'not unique: should two users claim one, the lower id has it';
COMMENT ON COLUMN user_profile.origin_offset IS 'origin of the latest change';
COMMENT ON COLUMN user_profile.name_offset IS 'origin of the change that set name: an update names only what it changes; 2^63-1 once erased';

CREATE INDEX user_profile_handle ON user_profile (handle);
CREATE INDEX user_profile_email ON user_profile (lower(email));

-- migrate:down
DROP TABLE user_profile;
