-- Activities per verb and day. Grain: one verb on one day (UTC); additive over both. Counted from de-duplicated facts.
-- migrate:up
CREATE OR REPLACE VIEW activity_by_day AS
SELECT toDate32(occurred_at) AS day, verb, count() AS activities
FROM fact_activity FINAL
GROUP BY day, verb;

-- migrate:down
DROP VIEW IF EXISTS activity_by_day;
