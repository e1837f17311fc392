-- How does it grow, week by week?
SELECT week, new_users, posts, activities, sum(new_users) OVER (ORDER BY week ROWS UNBOUNDED PRECEDING) AS users
FROM (
    SELECT toMonday(day) AS week, countIf(verb = 'user-created') AS new_users, countIf(verb = 'post') AS posts, count() AS activities
    FROM analytics.activities
    GROUP BY week)
ORDER BY week
