"""The whole proof: `make chaos`, or `PYTHONPATH=tests python -m chaos.run --full --seed 7`. Exit status 1 when red.

--short   what CI runs: one fight of every crash point, two guards off, stores away for 10 s, poison
--full    50,000 events under 80 faults, every guard off, stores away for a minute, rebuilds, poison
--only    one of fire, rebuild, away, poison, guards (rebuild comes after a fire)
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.status import Status

from chaos.fire import Fight, Outcome, fight
from chaos.guards import CONTROLS, Control, try_without
from chaos.nemesis import full_schedule, short_schedule
from chaos.poisoned import poisoned
from chaos.rebuild import WAYS, rebuild_each_way
from chaos.report import faults_table, show
from chaos.stage import PROCESSES, Stage, stage_shape
from chaos.stores_away import stores_away

PARTS = ("fire", "away", "poison", "guards")


@dataclass(frozen=True, slots=True)
class Form:
    """How much is tried."""

    full: bool
    seed: int

    @property
    def fight(self) -> Fight:
        rng = random.Random(f"{self.seed}/faults")
        if self.full:
            return Fight(self.seed, 50_000, 150.0, full_schedule(rng))
        return Fight(self.seed, 8_000, 150.0, short_schedule(rng))

    @property
    def away_s(self) -> float:
        return 60.0 if self.full else 10.0

    @property
    def controls(self) -> Sequence[Control]:
        return CONTROLS if self.full else random.Random(f"{self.seed}/guards").sample(CONTROLS, 2)


@dataclass(slots=True)
class Run:
    form: Form
    folder: Path
    console: Console
    status: Status
    broken: list[str] = field(default_factory=list)

    def told(self, what: str) -> None:
        self.status.update(what)
        if not self.console.is_terminal:
            self.console.print(f"  {what}", highlight=False)

    def report(self, title: str, outcome: Outcome) -> None:
        if not show(self.console, title, outcome.checks, outcome.figures):
            self.broken.append(title)

    def fire(self) -> None:
        with Stage(self.folder / "fire.jsonl") as stage:
            outcome = fight(stage, self.form.fight, self.told)
            ways = WAYS if self.form.full else WAYS[1:2]
            outcome.checks.append(rebuild_each_way(stage, self.told, ways))
        self.console.print(faults_table(outcome.struck))
        self.report("once, under fire; a function of the log", outcome)

    def away(self) -> None:
        with Stage(self.folder / "away.jsonl", stage_shape(services=(*PROCESSES, "api"))) as stage:
            self.report("stores away", stores_away(stage, self.form.seed, self.form.away_s, self.told))

    def poison(self) -> None:
        with Stage(self.folder / "poison.jsonl") as stage:
            self.report("poison", poisoned(stage, self.form.seed, self.told))

    def guards(self) -> None:
        for control in self.form.controls:
            self.told(f"guard off: {control.guard}")
            verdict = try_without(control, self.form.seed, self.folder)
            caught = "[green]the checker turned red[/]" if verdict.caught else "[red]nobody noticed[/]"
            found = "; ".join(f"{c.name}: {c.problems[0]}" for c in verdict.outcome.checks if not c.held)
            self.console.print(f"guard off: [bold]{control.guard}[/]: {caught}  [dim]{found[:200]}[/]")
            if not verdict.caught:
                self.broken.append(f"guard {control.guard}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true")
    form.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=None, help="a number; drawn and told when none is given")
    parser.add_argument("--only", choices=PARTS, action="append")
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(100_000)
    again = f"PYTHONPATH=tests python -m chaos.run {'--full' if asked.full else '--short'} --seed {seed}"
    return carry_out(Form(asked.full, seed), asked.only or PARTS, again)


def carry_out(form: Form, parts: Sequence[str], again: str) -> int:
    console = Console(width=None if sys.stdout.isatty() else 140)
    folder = Path(tempfile.mkdtemp(prefix="feedmill-chaos-"))
    began = time.monotonic()
    console.print(f"seed [bold]{form.seed}[/], ledgers and logs in {folder}", highlight=False)
    with console.status("starting") as status:
        run = Run(form, folder, console, status)
        steps: dict[str, Callable[[], None]] = {
            "fire": run.fire,
            "away": run.away,
            "poison": run.poison,
            "guards": run.guards,
        }
        for part in parts:
            steps[part]()
    took = f"{(time.monotonic() - began) / 60:.1f} min"
    if run.broken:
        console.print(f"[bold red]RED[/] after {took}: {', '.join(run.broken)}\nAgain: {again}", highlight=False)
        return 1
    console.print(f"[bold green]Every promise held[/], {took}, seed {form.seed}.\nAgain: {again}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
