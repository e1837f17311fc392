"""activity.enriched.v1 -> Postgres state or ClickHouse facts: one process, one sink."""
