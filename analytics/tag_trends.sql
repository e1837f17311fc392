-- Which tags grew most: the last days against as many before them?
-- last: Date = '2026-11-30'
-- days: UInt16 = '7'
SELECT tag, sumIf(uses, day > {last:Date} - {days:UInt16}) AS now, sumIf(uses, day <= {last:Date} - {days:UInt16}) AS before,
    toInt64(now) - toInt64(before) AS change
FROM analytics.tag_uses
WHERE day > {last:Date} - 2 * {days:UInt16} AND day <= {last:Date}
GROUP BY tag
HAVING now > 0
ORDER BY change DESC, tag
LIMIT 20
