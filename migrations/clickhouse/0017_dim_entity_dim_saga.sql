-- Entities and sagas as dimensions. Grain: dim_entity, one entity that some article named; dim_saga, one saga, also one a new model brought.
-- migrate:up
CREATE OR REPLACE VIEW dim_entity AS
SELECT entity_id, argMax(name, version) AS name
FROM entity_name
GROUP BY entity_id;

CREATE OR REPLACE VIEW dim_saga AS
SELECT tupleElement(saga, 1) AS saga_id, tupleElement(saga, 1) AS name, tupleElement(saga, 2) AS title
FROM (SELECT arrayJoin([('got', 'Game of Thrones'), ('lotr', 'The Lord of the Rings'), ('hp', 'Harry Potter'), ('unknown', 'Unknown')]) AS saga)
UNION ALL
SELECT DISTINCT toString(saga_id) AS saga_id, toString(saga_id) AS name, toString(saga_id) AS title
FROM article
WHERE saga_id NOT IN ('', 'got', 'lotr', 'hp', 'unknown');

-- migrate:down
DROP VIEW IF EXISTS dim_saga;
DROP VIEW IF EXISTS dim_entity;
