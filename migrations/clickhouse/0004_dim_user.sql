-- Users as a dimension. Grain: one user, each field as its latest change left it; after an erasure only the id is left.
-- migrate:up
CREATE OR REPLACE VIEW dim_user AS
SELECT
    user_id,
    if(erased_at = toDateTime64(0, 6, 'UTC'), argMaxIf(assumeNotNull(handle), origin_offset, handle IS NOT NULL), '') AS handle,
    argMaxIf(assumeNotNull(uuid), origin_offset, uuid IS NOT NULL) AS uuid,
    if(erased_at = toDateTime64(0, 6, 'UTC'), argMaxIf(assumeNotNull(name), origin_offset, name IS NOT NULL), '') AS name,
    if(erased_at = toDateTime64(0, 6, 'UTC'), argMaxIf(assumeNotNull(college), origin_offset, college IS NOT NULL), '') AS college,
    minIf(changed_at, verb = 'user-created') AS created_at,
    argMax(changed_at, origin_offset) AS updated_at,
    maxIf(changed_at, verb = 'user-erased') AS erased_at
FROM user_change FINAL
GROUP BY user_id;

-- migrate:down
DROP VIEW IF EXISTS dim_user;
