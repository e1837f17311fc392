-- What do the people of each college do, by the college they had when they did it?
SELECT college, verb, sum(activities) AS activities
FROM analytics.activities_as_it_was
WHERE college != ''
GROUP BY college, verb
ORDER BY activities DESC, college, verb
LIMIT 100
