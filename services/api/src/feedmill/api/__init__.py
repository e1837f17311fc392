"""Postgres and ClickHouse -> feeds and answers over HTTP."""
