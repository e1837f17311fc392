-- Which pages were posted, liked and shared most?
SELECT url, any(link.title) AS title, sum(link.posts) AS posts, sum(link.likes) AS likes, sum(link.shares) AS shares
FROM analytics.links AS link
GROUP BY url
ORDER BY posts + likes + shares DESC, url
LIMIT 20
