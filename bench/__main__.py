"""`python -m bench [--short] [--only NAME]… [--rounds N] [--write FILE]`: a table; status 1 below a floor."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.status import Status

from bench import report
from bench.doors import UNLIMITED
from bench.harness import FULL, SHORT, Figure, Plan
from bench.machine import load_average, this_machine
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.testkit.platform import Platform, Shape

ON_STORES = ("enricher", "ingest_batch", "ingest_single", "postgres_sink", "clickhouse_sink")
"""Need Kafka, Postgres and ClickHouse, and start the rest themselves. The enricher's warms the broker up; the sinks'
leave the stores merges and vacuums to do.
"""
ON_PLATFORM = ("family_a", "freshness", "analyst_visible", "live", "readings")
"""Need the whole platform; not part of the short run, as is what follows."""
ON_NOTHING = ("memory",)
"""Start a platform by the command."""


ALL = (*ON_STORES, *ON_PLATFORM, *ON_NOTHING)


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 160)
    plan = replace(SHORT if options.short else FULL, **({"rounds": options.rounds} if options.rounds else {}))
    names = options.only or (ON_STORES if options.short else ALL)
    before = load_average()
    started_s = time.monotonic()
    apply_memory_policy()  # as every service does, for both sides
    figures = _run(names, plan, console)
    load = f"load average {before:.1f} before, {load_average():.1f} after; {time.monotonic() - started_s:.0f} s in all"
    machine = this_machine()
    console.print(report.table(figures), *report.notes(figures), *machine.lines(), load, sep="\n")
    if options.write:
        report.write(options.write, report.markdown(figures, machine, load))
    return _status(figures, plan, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few small rounds, ratios against floors")
    parser.add_argument("--only", action="append", choices=ALL, help="may be given again")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured")
    parser.add_argument("--write", type=Path, help="put the table into this Markdown file")
    return parser.parse_args()


def _run(names: Sequence[str], plan: Plan, console: Console) -> list[Figure]:
    figures: list[Figure] = []
    with console.status("") as status:
        for group, services in ((ON_STORES, False), (ON_PLATFORM, True)):
            wanted = [name for name in group if name in names]
            if wanted:
                with _platform(services, status) as platform:
                    figures += [f for name in wanted for f in _one(name, plan, status, platform)]
        figures += [f for name in ON_NOTHING if name in names for f in _one(name, plan, status)]
    return figures


@contextmanager
def _platform(services: bool, status: Status) -> Iterator[Platform]:
    status.update("starting Kafka, Postgres and ClickHouse")
    platform = Platform(Shape(env={"ingest": UNLIMITED}, lasting=True))
    try:
        platform.start_stores()
        platform.prepare()
        if services:
            platform.start_services()
        yield platform
    finally:
        platform.close()


def _one(name: str, plan: Plan, status: Status, *platform: Platform) -> list[Figure]:
    """Figures of one bench. A short run measures a second time what is beyond its floor: a broker that has just
    started, or a machine held up for seconds, is no fault of the product's.
    """
    figures = _measured(name, plan, status, *platform)
    if plan.short and not all(figure.above_floor for figure in figures):
        status.console.print(f"[dim]{name}: beyond a floor, measured once more[/]")
        figures = _measured(name, plan, status, *platform)
    status.console.print(f"[dim]{name}: done[/]")
    return figures


def _measured(name: str, plan: Plan, status: Status, *platform: Platform) -> list[Figure]:
    figures: list[Figure] = importlib.import_module(f"bench.{name}").run(
        *platform, plan, lambda text: status.update(f"{name}: {text}")
    )
    return figures


def _status(figures: Sequence[Figure], plan: Plan, console: Console) -> int:
    if not plan.short:
        return 0
    low = [figure for figure in figures if not figure.above_floor]
    for figure in low:
        console.print(f"[red]{figure.bench}: ratio {figure.judged:.2f} is beyond its floor[/]")
    return 1 if low else 0


if __name__ == "__main__":
    raise SystemExit(main())
