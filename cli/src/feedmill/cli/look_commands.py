"""status, logs, doctor."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feedmill.cli.config import CliSettings
from feedmill.cli.local import checks, control, probes
from feedmill.cli.local.processes import rss_mb
from feedmill.cli.local.services import PARTS, Connections
from feedmill.cli.local.state import Phase, PlatformState, supervised
from feedmill.cli.operator import site
from feedmill.cli.output import AsJson, coloured, escape, fail, out, print_json, table


def status(as_json: AsJson = False) -> None:
    """Show every part: its state, memory and address.

    Examples:

      feedmill status

      feedmill status --json | jq -r .connect.postgres.dsn
    """
    asked = CliSettings.from_env()
    state = look_at_given(asked, control.current(asked.place))
    if as_json:
        print_json(status_document(asked, state))
    elif state is None:
        out.print(f"Nothing runs in {asked.place.root}. Start it with: feedmill up")
    else:
        out.print(parts_table(state))
        out.print(f"\n{coloured(state.phase)} {escape(state.message)}")


def look_at_given(asked: CliSettings, state: PlatformState | None) -> PlatformState | None:
    """Nobody keeps the stores that were given, so they are asked now."""
    if state is None or not supervised(asked.place):
        return state
    parts = tuple(
        replace(part, state="ready" if probes.given(part.name, state.connections[part.name]) == "ready" else "degraded")
        if part.given
        else part
        for part in state.parts
    )
    return replace(state, parts=parts)


def status_document(asked: CliSettings, state: PlatformState | None) -> dict[str, Any]:
    if state is None:
        parts: list[dict[str, Any]] = [
            {"name": name, "pid": None, "state": "stopped", "rss_mb": 0.0, "address": ""} for name in PARTS
        ]
        phase, origin = Phase.STOPPED, asked.origin_port
    else:
        parts = [
            {
                "name": part.name,
                "pid": part.pid,
                "state": part.state,
                "rss_mb": rss_mb(part.pid) if part.pid else 0.0,
                "address": part.address,
                "restarts": part.restarts,
            }
            for part in state.parts
        ]
        phase, origin = state.phase, state.origin
    connections: Connections = site(asked).connections
    return {
        "origin": f"http://127.0.0.1:{origin}",
        "state": phase,
        "home": str(asked.place.root),
        "parts": parts,
        "connect": connections.document(),
    }


def parts_table(state: PlatformState) -> Table:
    made = table("part", "state", "pid", "memory", "address")
    total = 0.0
    for part in state.parts:
        used = rss_mb(part.pid) if part.pid else 0.0
        total += used
        note = " (given)" if part.given else f" {escape(part.said)}" if part.said else ""
        made.add_row(
            part.name, coloured(part.state), str(part.pid or ""), f"{used:.0f} MB" if used else "", part.address + note
        )
    made.add_row("", "", "", f"[bold]{total:.0f} MB[/]", "")
    return made


def logs(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts, as status names them; all when none.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they grow, until Ctrl-C.")] = False,
) -> None:
    """Show what the parts said.

    Examples:

      feedmill logs

      feedmill logs ingest enricher -n 100

      feedmill logs -f gateway
    """
    place = CliSettings.from_env().place
    found = {path.stem: path for path in sorted(place.logs.glob("*.log"))}
    unknown = [name for name in parts or () if name not in found]
    if unknown:
        raise fail(
            f"no log of {', '.join(unknown)}; there are: {', '.join(found) or 'none yet, start with feedmill up'}"
        )
    if not found:
        raise fail(f"no logs in {place.root}: start with feedmill up")
    chosen = {name: path for name, path in found.items() if not parts or name in parts}
    places = {name: show_end(name, path, lines) for name, path in chosen.items()}
    while follow:
        try:
            time.sleep(0.2)
        except KeyboardInterrupt:
            return
        places = {name: show_from(name, path, places[name]) for name, path in chosen.items()}


def show_end(name: str, path: Path, lines: int) -> int:
    text = path.read_bytes()
    for line in text.decode("utf-8", "replace").splitlines()[-lines:]:
        show(name, line)
    return len(text)


def show_from(name: str, path: Path, offset: int) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(offset if offset <= size else 0)
        whole = file.read()
    complete = whole[: whole.rfind(b"\n") + 1]
    for line in complete.decode("utf-8", "replace").splitlines():
        show(name, line)
    return (offset if offset <= size else 0) + len(complete)


def show(name: str, line: str) -> None:
    out.print(f"[cyan]{name:>22}[/] {escape(line)}", highlight=False, soft_wrap=True)


def doctor(as_json: AsJson = False) -> None:
    """Check what `up` needs (Python, Java, disk, memory, ports), each with its remedy. Exit status 1 if one fails.

    Examples:

      feedmill doctor

      feedmill doctor --json
    """
    asked = CliSettings.from_env()
    running = supervised(asked.place)
    found = [
        check
        for check in checks.all_checks(asked.place, asked.ports, asked.given)
        if not (running and check.name.startswith(("port", "memory")))
    ]
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "found": c.found, "remedy": "" if c.ok else c.remedy} for c in found])
    else:
        made = table("check", "", "found", "what to do")
        for c in found:
            made.add_row(c.name, "[green]ok[/]" if c.ok else "[red]no[/]", c.found, "" if c.ok else c.remedy)
        out.print(made)
    if not all(check.ok for check in found):
        raise typer.Exit(1)
