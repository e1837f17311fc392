-- How a user is shown in items, written once instead of in each item of each page. Grain: as before.
-- migrate:up
CREATE FUNCTION user_as_shown(id bigint, handle text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{"id":' || id || ',"handle":' || to_json(handle) || ',"name":' || coalesce(to_json(name)::text, 'null') || '}';

ALTER TABLE user_profile ADD COLUMN shown text
    GENERATED ALWAYS AS (CASE WHEN erased_at IS NULL THEN user_as_shown(id, handle, name) END) STORED;
COMMENT ON COLUMN user_profile.shown IS 'JSON, as items name a user; null: nobody sees it';

-- migrate:down
ALTER TABLE user_profile DROP COLUMN shown;
DROP FUNCTION user_as_shown;
