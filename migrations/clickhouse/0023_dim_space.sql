-- Spaces as a dimension, and as they were. Grain: dim_space, one space as its latest change left it; space_history, one space in one period without a change.
-- migrate:up
CREATE OR REPLACE VIEW dim_space AS
SELECT
    space_id,
    argMaxIf(assumeNotNull(name), origin_offset, name IS NOT NULL) AS name,
    argMinIf(actor_id, origin_offset, verb = 'space-created') AS owner_id,
    minIf(changed_at, verb = 'space-created') AS created_at,
    maxIf(changed_at, verb = 'space-deleted') AS deleted_at
FROM space_change FINAL
GROUP BY space_id;

CREATE OR REPLACE VIEW space_history (
    space_id Int64,
    name String,
    valid_from DateTime64(6, 'UTC') COMMENT 'included',
    valid_to DateTime64(6, 'UTC') COMMENT 'excluded; 2200-01-01 for the period that lasts',
    is_current Bool
) AS
SELECT space_id, name, valid_from, valid_to, valid_to = toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AS is_current
FROM (
    SELECT
        space_id,
        arraySort(change -> change.1, groupArray((origin_offset, changed_at, name))) AS changes,
        arrayFill((text, given) -> given, arrayMap(change -> ifNull(change.3, ''), changes), arrayMap(change -> change.3 IS NOT NULL, changes)) AS names,
        arrayMap(place -> arrayMax(arrayMap(change -> change.2, arraySlice(changes, 1, place))), arrayEnumerate(changes)) AS froms,
        arrayPushBack(arraySlice(froms, 2), toDateTime64('2200-01-01 00:00:00', 6, 'UTC')) AS tos
    FROM space_change FINAL
    WHERE verb != 'space-deleted'
    GROUP BY space_id)
ARRAY JOIN names AS name, froms AS valid_from, tos AS valid_to
WHERE valid_from < valid_to
COMMENT 'Slowly changing dimension, type 2, made of space_change. The order is the log''s.';

-- migrate:down
DROP VIEW IF EXISTS space_history;
DROP VIEW IF EXISTS dim_space;
