-- Contents and their categories. Grain: content_category, one content in one category, however often said; dim_content, one content with its set.
-- migrate:up
CREATE OR REPLACE VIEW content_category AS
SELECT DISTINCT content_id, category_name
FROM content_change;

CREATE OR REPLACE VIEW dim_content AS
SELECT content_id, arraySort(groupUniqArray(category_name)) AS categories
FROM content_change
GROUP BY content_id;

-- migrate:down
DROP VIEW IF EXISTS dim_content;
DROP VIEW IF EXISTS content_category;
