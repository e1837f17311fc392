-- Views for analysts over activities, links and tags: whatever they offer as a measure may be summed over every column of the view. Grain: see each.
-- migrate:up
CREATE OR REPLACE VIEW analytics.activities (
    event_id UUID,
    occurred_at DateTime64(6, 'UTC'),
    day Date COMMENT 'joins dim_date',
    verb LowCardinality(String),
    actor_id Int64 COMMENT 'joins dim_user; its past, analytics.user_history',
    object_type LowCardinality(String),
    object_id Int64 COMMENT 'with object_type joins dim_object',
    target_type LowCardinality(String),
    target_id Int64,
    activities UInt64 COMMENT '1; additive'
) AS
SELECT event_id, occurred_at, toDate(occurred_at) AS day, verb, actor_id, object_type, object_id, target_type, target_id, toUInt64(1) AS activities
FROM fact_activity FINAL
COMMENT 'Grain: one activity. Additive: activities. Users are counted as uniqExact(actor_id), which is not additive.';

CREATE OR REPLACE VIEW analytics.user_days (
    day Date COMMENT 'joins dim_date',
    actor_id Int64 COMMENT 'joins dim_user',
    activities UInt64 COMMENT 'additive',
    posts UInt64 COMMENT 'additive',
    likes UInt64 COMMENT 'additive: given, not what is left after unlikes',
    comments UInt64 COMMENT 'additive',
    shares UInt64 COMMENT 'additive',
    user_days UInt64 COMMENT '1; additive: days on which users were active'
) AS
SELECT toDate(occurred_at) AS day, actor_id, count() AS activities, countIf(verb = 'post') AS posts, countIf(verb = 'like') AS likes,
    countIf(verb = 'comment') AS comments, countIf(verb = 'share') AS shares, toUInt64(1) AS user_days
FROM fact_activity FINAL
WHERE actor_id > 0 AND verb NOT IN ('user-created', 'user-updated', 'user-erased')
GROUP BY day, actor_id
COMMENT 'Grain: one user on one day it did anything but sign up. Additive: all measures.';

CREATE OR REPLACE VIEW analytics.links (
    object_type LowCardinality(String),
    object_id Int64 COMMENT 'with object_type joins dim_object',
    author_id Int64 COMMENT 'joins dim_user',
    url String COMMENT 'canonical: two spellings of a page are one',
    host String,
    title String,
    day Date COMMENT 'of the post; joins dim_date',
    posts UInt64 COMMENT '1; additive',
    likes UInt64 COMMENT 'distinct likers of the post, unlikes taken back; additive over posts',
    shares UInt64 COMMENT 'additive'
) AS
SELECT link.object_type, link.object_id, link.author_id, link.canonical_url AS url, domain(link.canonical_url) AS host, link.title,
    toDate(link.created_at) AS day, toUInt64(1) AS posts, reaction.likes AS likes, reaction.shares AS shares
FROM dim_object AS link
LEFT JOIN (
    SELECT object_type, object_id, countIf(latest = 'like') AS likes, sum(shared) AS shares
    FROM (
        SELECT object_type, object_id, actor_id, argMinIf(verb, version, verb IN ('like', 'unlike')) AS latest, countIf(verb = 'share') AS shared
        FROM fact_activity FINAL
        WHERE verb IN ('like', 'unlike', 'share')
        GROUP BY object_type, object_id, actor_id)
    GROUP BY object_type, object_id) AS reaction ON link.object_type = reaction.object_type AND link.object_id = reaction.object_id
WHERE link.canonical_url != '' AND link.deleted_at = toDateTime64(0, 6, 'UTC')
COMMENT 'Grain: one post of a link, not deleted. Additive: posts, likes, shares.';

CREATE OR REPLACE VIEW analytics.tag_uses (
    object_type LowCardinality(String),
    object_id Int64 COMMENT 'with object_type joins dim_object',
    author_id Int64 COMMENT 'joins dim_user',
    tag String COMMENT 'lower case',
    day Date COMMENT 'joins dim_date',
    uses UInt64 COMMENT '1; additive: uses of tags, not posts, which may have several'
) AS
SELECT object_type, object_id, author_id, tag, toDate(created_at) AS day, toUInt64(1) AS uses
FROM dim_object
ARRAY JOIN tags AS tag
WHERE deleted_at = toDateTime64(0, 6, 'UTC')
COMMENT 'Grain: one tag of one object, not deleted. Additive: uses.';

-- migrate:down
DROP VIEW IF EXISTS analytics.tag_uses;
DROP VIEW IF EXISTS analytics.links;
DROP VIEW IF EXISTS analytics.user_days;
DROP VIEW IF EXISTS analytics.activities;
