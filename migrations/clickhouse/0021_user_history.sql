-- Users as they were. Grain: user_history, one user in one period without a change; periods of a user neither overlap nor leave gaps after its first.
-- migrate:up
CREATE OR REPLACE VIEW user_history (
    user_id Int64,
    name String COMMENT 'empty after an erasure, in all periods',
    college String COMMENT 'empty: none given; empty after an erasure, in all periods',
    valid_from DateTime64(6, 'UTC') COMMENT 'included',
    valid_to DateTime64(6, 'UTC') COMMENT 'excluded; 2200-01-01 for the period that lasts',
    is_current Bool
) AS
SELECT user_id, name, college, valid_from, valid_to, valid_to = toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AS is_current
FROM (
    SELECT
        user_id,
        arraySort(change -> change.1, groupArray((origin_offset, changed_at, name, college))) AS changes,
        countIf(verb = 'user-erased') > 0 AS is_erased,
        arrayFill((text, given) -> given, arrayMap(change -> ifNull(change.3, ''), changes), arrayMap(change -> change.3 IS NOT NULL, changes)) AS names,
        arrayFill((text, given) -> given, arrayMap(change -> ifNull(change.4, ''), changes), arrayMap(change -> change.4 IS NOT NULL, changes)) AS colleges,
        arrayMap(place -> arrayMax(arrayMap(change -> change.2, arraySlice(changes, 1, place))), arrayEnumerate(changes)) AS froms,
        arrayPushBack(arraySlice(froms, 2), toDateTime64('2200-01-01 00:00:00', 6, 'UTC')) AS tos
    FROM user_change FINAL
    GROUP BY user_id)
ARRAY JOIN
    arrayMap(text -> if(is_erased, '', text), names) AS name,
    arrayMap(text -> if(is_erased, '', text), colleges) AS college,
    froms AS valid_from,
    tos AS valid_to
WHERE valid_from < valid_to
COMMENT 'Slowly changing dimension, type 2, made of user_change. The order is the log''s; where clocks went back a period begins when the one before it did.';

CREATE OR REPLACE VIEW analytics.activities_as_it_was (
    event_id UUID,
    occurred_at DateTime64(6, 'UTC'),
    day Date COMMENT 'joins dim_date',
    verb LowCardinality(String),
    actor_id Int64 COMMENT 'joins dim_user',
    college String COMMENT 'the actor''s at that time; empty: none, or before its sign-up',
    activities UInt64 COMMENT '1; additive'
) AS
SELECT activity.event_id, activity.occurred_at, toDate(activity.occurred_at) AS day, activity.verb, activity.actor_id, history.college AS college, toUInt64(1) AS activities
FROM (SELECT * FROM fact_activity FINAL) AS activity
ASOF LEFT JOIN user_history AS history ON activity.actor_id = history.user_id AND activity.occurred_at >= history.valid_from
COMMENT 'Grain: one activity, with its actor''s college of that time. Additive: activities.';

-- migrate:down
DROP VIEW IF EXISTS analytics.activities_as_it_was;
DROP VIEW IF EXISTS user_history;
