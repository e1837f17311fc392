-- How many users saw a feed, then liked, then shared? Where no feed-read events are recorded the first step is empty.
-- first: Date = '2026-11-01'
-- last: Date = '2026-11-30'
SELECT countIf(notEmpty(seen)) AS saw_users, countIf(notEmpty(liked)) AS liked_users,
    countIf(notEmpty(liked) AND arrayExists(at -> at >= arrayMin(liked), shared)) AS liked_then_shared_users
FROM (
    SELECT actor_id, groupArrayIf(occurred_at, verb = 'feed-read') AS seen,
        groupArrayIf(occurred_at, verb = 'like') AS liked, groupArrayIf(occurred_at, verb = 'share') AS shared
    FROM analytics.activities
    WHERE day BETWEEN {first:Date} AND {last:Date}
    GROUP BY actor_id)
