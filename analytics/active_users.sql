-- How many users were active on each day, and in the week and month up to it? None of the three may be summed.
-- first: Date = '2026-11-01'
-- last: Date = '2026-11-30'
SELECT day, uniqExactIf(actor_id, ago = 0) AS daily, uniqExactIf(actor_id, ago < 7) AS weekly, uniqExact(actor_id) AS monthly
FROM (
    SELECT actor_id, user_day.day + ago AS day, ago
    FROM analytics.user_days AS user_day
    ARRAY JOIN range(30) AS ago
    WHERE user_day.day + ago BETWEEN {first:Date} AND {last:Date})
GROUP BY day
ORDER BY day
