"""Benches of the feed engine: `python -m bench.feeds`."""
