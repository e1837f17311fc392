"""Parts that a running supervisor is asked to keep stopped for a while: a file in run/ names them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable

from feedmill.cli.local.layout import Home
from feedmill.cli.local.state import read_state

LOOK_S = 0.1
TIMEOUT_S = 60.0


class NotHeld(Exception):
    """The supervisor did not do it in time."""


def held(home: Home) -> frozenset[str]:
    """What shall be stopped now."""
    try:
        return frozenset(json.loads((home.run / "held.json").read_text()))
    except FileNotFoundError:
        return frozenset()


def hold(home: Home, parts: Iterable[str]) -> None:
    """Returns once the supervisor has drained and stopped them."""
    names = frozenset(parts)
    path = home.run / "held.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(sorted(names)))
    fresh.replace(path)
    _wait(home, names, lambda state: state == "stopped")


def release(home: Home) -> None:
    """Returns once the supervisor has started them again; they may still be getting ready."""
    names = held(home)
    (home.run / "held.json").unlink(missing_ok=True)
    _wait(home, names, lambda state: state != "stopped")


def _wait(home: Home, names: frozenset[str], wanted: Callable[[str], bool]) -> None:
    ends_s = time.monotonic() + TIMEOUT_S
    while True:
        state = read_state(home)
        if state is not None and all(wanted(part.state) for part in state.parts if part.name in names):
            return
        if time.monotonic() > ends_s:
            raise NotHeld(f"{', '.join(sorted(names))}: the supervisor did not follow within {TIMEOUT_S:.0f} s")
        time.sleep(LOOK_S)
