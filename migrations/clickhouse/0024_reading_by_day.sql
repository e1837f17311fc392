-- Readings summed as far as they may be. Grain: one user, day and content; readings and read_through are additive over all three.
-- migrate:up
CREATE OR REPLACE VIEW reading_by_day AS
SELECT user_id, updated_at AS day, content_id, count() AS readings, countIf(read_percent > 90) AS read_through
FROM fact_reading FINAL
GROUP BY user_id, updated_at, content_id;

-- migrate:down
DROP VIEW IF EXISTS reading_by_day;
