"""The one origin of a local platform: a small streaming reverse proxy in front of ingest and api."""
