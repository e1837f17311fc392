-- Of the users first active in a week, which share came back k weeks later?
WITH active AS (SELECT DISTINCT actor_id, toMonday(day) AS week FROM analytics.user_days),
first AS (SELECT actor_id, min(week) AS cohort FROM active GROUP BY actor_id)
SELECT cohort, intDiv(week - cohort, 7) AS weeks_later, uniqExact(actor_id) AS users,
    users / max(if(weeks_later = 0, users, 0)) OVER (PARTITION BY cohort) AS share
FROM active
JOIN first USING actor_id
GROUP BY cohort, weeks_later
ORDER BY cohort, weeks_later
LIMIT 1000
