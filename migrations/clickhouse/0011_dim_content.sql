-- Contents as a dimension. Grain: one content that a meta event named, with its set of categories as they stand when asked.
-- migrate:up
CREATE OR REPLACE VIEW dim_content AS
SELECT content_id, arraySort(groupUniqArray(category_name)) AS categories
FROM content_category
GROUP BY content_id;

-- migrate:down
DROP VIEW IF EXISTS dim_content;
