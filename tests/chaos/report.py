"""What a run found, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from chaos.contents import Check
from chaos.faults import Struck

SHOWN = 5
"""Problems shown of each check; their number is always told."""


def checks_table(title: str, checks: Sequence[Check]) -> Table:
    table = Table("promise", "examined", "", title=title, title_justify="left")
    for check in checks:
        state = "[green]held[/]" if check.held else f"[red]{len(check.problems)} broken[/]"
        table.add_row(check.name, f"{check.examined:,}", state)
    return table


def faults_table(struck: Sequence[Struck]) -> Table:
    table = Table("fault", "times", "in flight", "back after", title="faults", title_justify="left")
    for kind in sorted({s.fault.split(" at ")[0] for s in struck}):
        same = [s for s in struck if s.fault.split(" at ")[0] == kind]
        slowest = max(s.back_after_s for s in same)
        name = f"{kind}, at its crash points" if " at " in same[0].fault else kind
        table.add_row(name, str(len(same)), str(sum(s.in_flight for s in same)), f"≤ {slowest:.1f} s")
    return table


def show(console: Console, title: str, checks: Sequence[Check], figures: Mapping[str, object]) -> bool:
    """True where every promise held."""
    console.print(checks_table(title, checks))
    for check in checks:
        for problem in check.problems[:SHOWN]:
            console.print(f"  [red]{check.name}:[/] {problem}", highlight=False, markup=True)
        if len(check.problems) > SHOWN:
            console.print(f"  … and {len(check.problems) - SHOWN} more")
    console.print("  ".join(f"{name} [bold]{value}[/]" for name, value in figures.items()))
    return all(check.held for check in checks)
