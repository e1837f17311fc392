-- How many readers had each saga's articles, day by day?
SELECT day, saga.title AS saga, sum(readers) AS readers, sum(articles) AS articles
FROM analytics.articles
JOIN feedmill.dim_saga AS saga USING saga_id
GROUP BY day, saga
ORDER BY day, saga
LIMIT 1000
