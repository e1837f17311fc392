-- Views for analysts over readings: whatever they offer as a measure may be summed over every column of the view. Grain: see each.
-- migrate:up
CREATE OR REPLACE VIEW analytics.readings (
    event_id UUID,
    user_id String COMMENT 'family P''s own',
    content_id String COMMENT 'joins dim_content',
    day Date COMMENT 'joins dim_date',
    readings UInt64 COMMENT '1; additive',
    read_on UInt64 COMMENT '1 where more than 90 % was read; additive'
) AS
SELECT event_id, user_id, content_id, updated_at AS day, toUInt64(1) AS readings, toUInt64(read_percent > 90) AS read_on
FROM fact_reading FINAL
COMMENT 'Grain: one reading. Additive: readings, read_on.';

CREATE OR REPLACE VIEW analytics.reading_categories (
    event_id UUID COMMENT 'joins analytics.readings',
    user_id String COMMENT 'family P''s own',
    content_id String COMMENT 'joins dim_content',
    day Date COMMENT 'joins dim_date',
    category_name String COMMENT 'empty: the content has none yet',
    readings_share Float64 COMMENT 'one reading divided by its content''s categories: additive, sums to the readings',
    read_on_share Float64 COMMENT 'the same of readings beyond 90 %; additive'
) AS
SELECT event_id, user_id, content_id, updated_at AS day, category_name, 1 / length(known) AS readings_share, toUInt8(read_percent > 90) / length(known) AS read_on_share
FROM (
    SELECT event_id, user_id, content_id, updated_at, read_percent, if(empty(categories), [''], categories) AS known
    FROM fact_reading FINAL
    LEFT JOIN dim_content USING content_id)
ARRAY JOIN known AS category_name
COMMENT 'Grain: one reading in one category of its content, as its categories stand when asked. Additive: readings_share, read_on_share.';

-- migrate:down
DROP VIEW IF EXISTS analytics.reading_categories;
DROP VIEW IF EXISTS analytics.readings;
