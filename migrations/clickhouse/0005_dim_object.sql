-- Objects as a dimension. Grain: one object (type, id) as its creation left it; deleted_at 1970: not deleted.
-- migrate:up
CREATE OR REPLACE VIEW dim_object AS
SELECT
    object_type,
    object_id,
    argMaxIf(author_id, origin_offset, verb != 'delete') AS author_id,
    argMaxIf(content, origin_offset, verb != 'delete') AS content,
    argMaxIf(title, origin_offset, verb != 'delete') AS title,
    argMaxIf(url, origin_offset, verb != 'delete') AS url,
    argMaxIf(canonical_url, origin_offset, verb != 'delete') AS canonical_url,
    argMaxIf(tags, origin_offset, verb != 'delete') AS tags,
    argMaxIf(mentions, origin_offset, verb != 'delete') AS mentions,
    argMaxIf(target_type, origin_offset, verb != 'delete') AS target_type,
    argMaxIf(target_id, origin_offset, verb != 'delete') AS target_id,
    argMaxIf(space_id, origin_offset, verb != 'delete') AS space_id,
    argMaxIf(changed_at, origin_offset, verb != 'delete') AS created_at,
    argMinIf(changed_at, origin_offset, verb = 'delete') AS deleted_at
FROM object_change FINAL
GROUP BY object_type, object_id;

-- migrate:down
DROP VIEW IF EXISTS dim_object;
