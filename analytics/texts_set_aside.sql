-- What was not searched, and how many readers did it have?
SELECT reason, sum(articles) AS articles, sum(readers) AS readers, min(day) AS first_day, max(day) AS last_day
FROM analytics.articles_set_aside
GROUP BY reason
ORDER BY articles DESC
