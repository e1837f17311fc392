"""The whole proof: `make chaos`, or `PYTHONPATH=tests python -m chaos.run --full --seed 7`. Exit status 1 when red.

--short   what CI runs: one fight of every crash point, two guards off, stores away for 10 s, poison
--full    50,000 events under 80 faults, every guard off, stores away for a minute, rebuilds, poison, bad networks,
          full disks, wrong clocks, consumers that grow and shrink, a slow sink, a cut log, a restored Postgres
--only    one of these parts, or several
--through a command that each part is run by, as a process of its own (a lock that others want in between)
"""

from __future__ import annotations

import argparse
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.status import Status

from chaos.clocks import clocks, shape_of, wrong_clocks
from chaos.disks import FULL_DISKS
from chaos.fire import Fight, Outcome, fight
from chaos.guards import CONTROLS, Control, try_without
from chaos.nemesis import full_schedule, short_schedule
from chaos.network import LOST_ANSWER, full_network, short_network
from chaos.poisoned import poisoned
from chaos.rebuild import WAYS, rebuild_each_way
from chaos.report import faults_table, show
from chaos.rescale import rescaled
from chaos.restore import FEW_IDS_AHEAD, restored
from chaos.retention import retention_cut
from chaos.slow_sink import FEW_AT_ONCE, slow_sink
from chaos.stage import PROCESSES, Stage, stage_shape
from chaos.stores_away import stores_away
from feedmill.testkit.clock import available
from feedmill.testkit.disk import refusal

PARTS = ("fire", "away", "poison", "network", "disks", "clocks", "rescale", "slow", "retention", "restore", "guards")


LINKED = replace(stage_shape(), linked=True)


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
    def network(self) -> Fight:
        rng = random.Random(f"{self.seed}/network")
        if self.full:
            return Fight(self.seed, 5_000, 150.0, full_network(rng))
        return Fight(self.seed, 1_000, 150.0, short_network(rng))

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
        if outcome.struck:
            self.console.print(faults_table(outcome.struck))
        if not show(self.console, title, outcome.checks, outcome.figures):
            self.broken.append(title)

    def carry_out(self, part: str) -> None:
        steps: dict[str, Callable[[], None]] = {
            "fire": self.fire,
            "away": self.away,
            "poison": self.poison,
            "network": self.network,
            "disks": self.disks,
            "clocks": self.clocks,
            "rescale": self.rescale,
            "slow": self.slow,
            "retention": self.retention,
            "restore": self.restore,
            "guards": self.guards,
        }
        steps[part]()

    def fire(self) -> None:
        with Stage(self.folder / "fire.jsonl") as stage:
            outcome = fight(stage, self.form.fight, self.told)
            ways = WAYS if self.form.full else WAYS[1:2]
            outcome.checks.append(rebuild_each_way(stage, self.told, ways))
        self.report("once, under fire; a function of the log", outcome)

    def away(self) -> None:
        with Stage(self.folder / "away.jsonl", stage_shape(services=(*PROCESSES, "api"))) as stage:
            self.report("stores away", stores_away(stage, self.form.seed, self.form.away_s, self.told))

    def poison(self) -> None:
        with Stage(self.folder / "poison.jsonl") as stage:
            self.report("poison", poisoned(stage, self.form.seed, self.told))

    def network(self) -> None:
        with Stage(self.folder / "network.jsonl", LINKED) as stage:
            self.report("a bad network, lost answers", fight(stage, self.form.network, self.told))
        self.without(LOST_ANSWER)

    def disks(self) -> None:
        if refused := refusal():
            self.console.print(f"full disks: [yellow]not tried[/]: {refused}", highlight=False)
            return
        with Stage(self.folder / "disks.jsonl") as stage:
            outcome = fight(stage, Fight(self.form.seed, 12_000, 150.0, FULL_DISKS), self.told)
            self.report("full disks", outcome)

    def clocks(self) -> None:
        if not available():
            self.console.print("wrong clocks: [yellow]not tried[/]: libfaketime is not for this machine")
            return
        with clocks() as set_off, Stage(self.folder / "clocks.jsonl", shape_of(set_off)) as stage:
            self.report("wrong clocks", wrong_clocks(stage, set_off, self.form.seed, self.told))

    def rescale(self) -> None:
        with Stage(self.folder / "rescale.jsonl") as stage:
            self.report("consumers grow and shrink", rescaled(stage, self.form.seed, self.told))

    def slow(self) -> None:
        with Stage(self.folder / "slow.jsonl", replace(stage_shape(FEW_AT_ONCE), linked=True)) as stage:
            self.report("a slow sink", slow_sink(stage, self.form.seed, 20_000, self.told))

    def retention(self) -> None:
        with Stage(self.folder / "retention.jsonl") as stage:
            self.report("a log that was cut", retention_cut(stage, self.form.seed, self.told))

    def restore(self) -> None:
        with Stage(self.folder / "restore.jsonl", stage_shape(FEW_IDS_AHEAD)) as stage:
            self.report("Postgres from a backup", restored(stage, self.form.seed, 6_000, self.told))

    def guards(self) -> None:
        for control in self.form.controls:
            self.without(control)

    def without(self, control: Control) -> None:
        self.told(f"guard off: {control.name}")
        verdict = try_without(control, self.form.seed, self.folder)
        caught = "[green]the checker turned red[/]" if verdict.caught else "[red]nobody noticed[/]"
        found = "; ".join(f"{c.name}: {c.problems[0]}" for c in verdict.outcome.checks if not c.held)
        self.console.print(f"guard off: [bold]{control.name}[/]: {caught}  [dim]{found[:200]}[/]")
        if not verdict.caught:
            self.broken.append(f"guard {control.name}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true")
    form.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=None, help="a number; drawn and told when none is given")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--through", default="", help="a command")
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(100_000)
    again = f"PYTHONPATH=tests python -m chaos.run {'--full' if asked.full else '--short'} --seed {seed}"
    parts = asked.only or PARTS
    if asked.through:
        return each_through(shlex.split(asked.through), Form(asked.full, seed), parts)
    return carry_out(Form(asked.full, seed), parts, again)


def each_through(command: Sequence[str], form: Form, parts: Sequence[str]) -> int:
    """One process a part, one after the other; red if one is."""
    how = ("--full" if form.full else "--short", "--seed", str(form.seed))
    broken = [
        part
        for part in parts
        if subprocess.run([*command, sys.executable, "-m", "chaos.run", *how, "--only", part], check=False).returncode
    ]
    print(f"RED, seed {form.seed}: {', '.join(broken)}" if broken else f"Every part held, seed {form.seed}.")
    return 1 if broken else 0


def carry_out(form: Form, parts: Sequence[str], again: str) -> int:
    console = Console(width=None if sys.stdout.isatty() else 140)
    folder = Path(tempfile.mkdtemp(prefix="feedmill-chaos-"))
    began = time.monotonic()
    console.print(f"seed [bold]{form.seed}[/], ledgers and logs in {folder}", highlight=False)
    with console.status("starting") as status:
        run = Run(form, folder, console, status)
        for part in parts:
            run.carry_out(part)
    took = f"{(time.monotonic() - began) / 60:.1f} min"
    if run.broken:
        console.print(f"[bold red]RED[/] after {took}: {', '.join(run.broken)}\nAgain: {again}", highlight=False)
        return 1
    console.print(f"[bold green]Every promise held[/], {took}, seed {form.seed}.\nAgain: {again}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
