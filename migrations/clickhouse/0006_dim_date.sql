-- Days as a dimension. Grain: one day, 1970-01-01 to 2100-12-31; conformed: every fact's day joins it.
-- migrate:up
CREATE TABLE IF NOT EXISTS dim_date (
    date         Date32,
    year         UInt16,
    quarter      UInt8,
    month        UInt8,
    month_name   LowCardinality(String),
    day_of_month UInt8,
    day_of_year  UInt16,
    iso_year     UInt16,
    iso_week     UInt8,
    day_of_week  UInt8 COMMENT '1 is Monday',
    day_name     LowCardinality(String),
    is_weekend   Bool
) ENGINE = ReplacingMergeTree
ORDER BY date
COMMENT 'One day a row; filled once, here.';

INSERT INTO dim_date
SELECT
    addDays(toDate32('1970-01-01'), number) AS day,
    toYear(day), toQuarter(day), toMonth(day), dateName('month', day), toDayOfMonth(day), toDayOfYear(day),
    toISOYear(day), toISOWeek(day), toDayOfWeek(day), dateName('weekday', day), toDayOfWeek(day) >= 6
FROM numbers(assumeNotNull(dateDiff('day', toDate32('1970-01-01'), toDate32('2101-01-01'))));

-- migrate:down
DROP TABLE IF EXISTS dim_date;
