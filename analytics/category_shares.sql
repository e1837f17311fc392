-- What do readers read? Readings beyond 90 %, each divided among its content's categories, so that the shares sum to 1.
SELECT category_name, sum(read_on_share) AS readings, readings / sum(readings) OVER () AS share
FROM analytics.reading_categories
GROUP BY category_name
ORDER BY readings DESC, category_name
LIMIT 100
