"""`python -m bench.feeds [--only NAME]… [--rounds N] [--write FILE]`: the feed engine's figures."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench import report
from bench.doors import UNLIMITED
from bench.harness import FULL, Figure
from bench.machine import load_average, this_machine
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.testkit.platform import Platform, Shape

NAMES = ("pages", "statements", "drain", "visible", "follows", "stars", "growth", "cache")
TEND = "FEEDMILL_FEED_WRITER__FEEDS__TEND"
TENDED = ("visible", "follows", "stars")
"""Where who is pushed may change meanwhile, as it does in life."""
SERVICES = ("ingest", "api", "enricher", "feed-writer-postgres")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.feeds", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="may be given again")
    parser.add_argument("--rounds", type=int, default=FULL.rounds, help="how often each is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="of seconds and records")
    parser.add_argument("--write", type=Path, help="put the table into this Markdown file")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 180)
    plan = replace(FULL, rounds=options.rounds, scale=options.scale)
    before, started_s = load_average(), time.monotonic()
    apply_memory_policy()
    figures: list[Figure] = []
    for name in options.only or NAMES:
        env = {"ingest": UNLIMITED, "feed-writer-postgres": {TEND: "true" if name in TENDED else "false"}}
        with Platform(Shape(services=SERVICES, env=env, lasting=True)) as platform:
            module = importlib.import_module(f"bench.feeds.{name}")
            figures += module.run(platform, plan, lambda text, name=name: console.print(f"[dim]{name}: {text}[/]"))
    load = f"load average {before:.1f} before, {load_average():.1f} after; {time.monotonic() - started_s:.0f} s in all"
    console.print(report.table(figures), *report.notes(figures), *this_machine().lines(), load, sep="\n")
    if options.write:
        report.write(options.write, report.markdown(figures, this_machine(), load))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
