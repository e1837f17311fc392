"""One event through everything, before anybody is told "ready": `python -m feedmill.cli.local.prove --origin URL`.

The event is an `unrecommend` between two users who cannot exist (the two highest ids there are): a fact in both
stores that changes no feed. `--demo-users` also creates ivan (id 1), nico (2) and eric (3) with the keys the old
system gave them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedmill.cli import api_keys
from feedmill.cli.local.layout import Home
from feedmill.cli.operator import operator_key
from feedmill.contracts.ids import MAX_ID

DEADLINE_S = 60.0
ASK_AGAIN_S = 0.05
DEMO_USERS = (("ivan", "abc123"), ("nico", "abc124"), ("eric", "abc125"))
ENDS = {"postgres", "clickhouse"}


class NotProven(Exception):
    """The platform does not do its main job; says where the event stopped."""


@dataclass(frozen=True, slots=True)
class Door:
    origin: str
    key: str

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON answer of a 2xx. Raises NotProven with the status and the answer's text."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.origin + path, data, method=method)  # noqa: S310  our own origin
        for name, value in {"X-App-Key": self.key, "Content-Type": "application/json", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=40) as reply:  # noqa: S310
                return json.load(reply)
        except urllib.error.HTTPError as refusal:
            raise NotProven(f"{method} {path}: {refusal.code} {refusal.read().decode('utf-8', 'replace')}") from None


def one_event(door: Door) -> str:
    """Returns its event_id once both ends have it."""
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/feedmill/up",
        "type": "feedmill.unrecommend.v1",
        "data": {"actor_id": MAX_ID, "object": {"type": "user", "id": MAX_ID - 1}},
    }
    deadline_s = time.monotonic() + DEADLINE_S
    result = door.ask("POST", "/v1/events", event)["results"][0]
    while result["status"] == "retry" and time.monotonic() < deadline_s:
        time.sleep(ASK_AGAIN_S)
        result = door.ask("POST", "/v1/events", event)["results"][0]
    if result["status"] != "accepted":
        raise NotProven(f"POST /v1/events: {result}")
    follow(door, result["event_id"], deadline_s)
    return str(result["event_id"])


def follow(door: Door, event_id: str, deadline_s: float) -> None:
    seen: dict[str, Any] = {}
    while time.monotonic() < deadline_s:
        seen = door.ask("GET", f"/v1/events/{event_id}")
        if {hop["hop"] for hop in seen["hops"]} >= ENDS:
            return
        time.sleep(ASK_AGAIN_S)
    missing = ", ".join(sorted(ENDS - {hop["hop"] for hop in seen.get("hops", [])}))
    raise NotProven(f"event {event_id} did not reach {missing} in {DEADLINE_S:.0f} s: {json.dumps(seen)}")


def demo_users(door: Door, dsn: str) -> None:
    """Created once, in this order, so that a fresh platform gives them the ids 1, 2 and 3. Who was erased stays so."""
    for handle, key in DEMO_USERS:
        if was_erased(dsn, handle):
            continue
        if not exists(dsn, handle):
            user = {"handle": handle, "name": handle.capitalize()}
            door.ask("POST", "/v1/users", user, Idempotency_Key=f"demo-user-{handle}", Prefer="wait=30")
        api_keys.create_for_user(dsn, handle, key=key)


def exists(dsn: str, handle: str) -> bool:
    return _found(dsn, api_keys.USER_SQL, handle)


def was_erased(dsn: str, handle: str) -> bool:
    return _found(dsn, "SELECT FROM user_profile WHERE handle = %s AND erased_at IS NOT NULL", handle)


def _found(dsn: str, sql: str, handle: str) -> bool:
    with api_keys.transaction(dsn) as cursor:
        cursor.execute(sql, (handle,))
        return cursor.fetchone() is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--demo-users", action="store_true")
    asked = parser.parse_args()
    dsn = os.environ["FEEDMILL_POSTGRES_DSN"]
    door = Door(asked.origin, operator_key(Home(asked.home), dsn))
    try:
        if asked.demo_users:
            demo_users(door, dsn)
        print(f"one event at both ends: {one_event(door)}")
    except (NotProven, api_keys.KeyRefused, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
