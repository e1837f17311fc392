-- Which entities of a saga are named most, and how many readers had the articles that name them?
-- Readers are summed over the articles of one entity; over entities they would count an article's readers several times.
-- saga: String = 'lotr'
-- from: DateTime = '1970-01-01 00:00:00'
-- to: DateTime = '2100-01-01 00:00:00'
SELECT entity.name AS entity, sum(fact.entity_counter) AS total_entity_occurrences, sum(fact.readers) AS total_readers
FROM (
    SELECT entity_id, entity_counter, readers
    FROM feedmill.fact_readers FINAL
    WHERE saga_id = {saga:String} AND date_time >= {from:DateTime} AND date_time < {to:DateTime}) AS fact
JOIN feedmill.dim_entity AS entity USING entity_id
GROUP BY entity
ORDER BY total_entity_occurrences DESC, total_readers DESC, entity
LIMIT 8
