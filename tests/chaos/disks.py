"""A store's disk gets full under load; then it is made larger, and everything that was acknowledged is there, once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from chaos.faults import BACK_TIMEOUT_S, PointMissed, Scene, Struck
from feedmill.cli.local.clickhouse import KEEP_FREE_BYTES
from feedmill.cli.local.keeper import State
from feedmill.testkit.disk import MB
from feedmill.testkit.waiting import let_pass

SPARE_MB: Final = 24
"""Above what the store has, and above what it keeps free by itself."""
LEFT_BYTES: Final = 128 * 1024
FELT_TIMEOUT_S: Final = 60.0
LASTS_S: Final = 5.0
"""After it was felt: how long nobody comes to mend it."""

SAYS: Final = (
    "No space left",
    "NOT_ENOUGH_SPACE",
    "not enough space",
    "Not enough space",
    "could not write init file",
)
"""In the log of a store or of who writes to it; the last is what Postgres tells who connects first."""
KEPT_FREE_MB: Final = {"clickhouse": KEEP_FREE_BYTES // MB + 1}
WRITERS: Final = {
    "kafka": "ingest",
    "postgres": "feed-writer-postgres",
    "clickhouse": "feed-writer-clickhouse",
}


@dataclass(frozen=True, slots=True)
class DiskFull:
    store: str

    def strike(self, scene: Scene) -> Struck:
        platform = scene.platform
        platform.down(self.store)
        disk = platform.move_to_disk(self.store, spare_mb=SPARE_MB + KEPT_FREE_MB.get(self.store, 0))
        platform.start(self.store)
        platform.wait_ready(self.store, timeout_s=BACK_TIMEOUT_S)
        disk.fill(leave_bytes=LEFT_BYTES)
        self._wait_until_felt(scene)
        let_pass(LASTS_S)
        disk.grow(512)
        began = time.monotonic()
        if platform.state(self.store) is not State.READY:
            platform.start(self.store)
        platform.wait_ready(self.store, timeout_s=BACK_TIMEOUT_S)
        return Struck(f"disk full: {self.store}", (), True, time.monotonic() - began)

    def _wait_until_felt(self, scene: Scene) -> None:
        """Somebody says so, or the store is gone."""
        logs = [scene.platform.log(part) for part in (self.store, WRITERS[self.store])]
        before = [log.stat().st_size for log in logs]
        give_up_at = time.monotonic() + FELT_TIMEOUT_S
        while time.monotonic() < give_up_at:
            if scene.platform.ends(self.store):
                return
            for log, seen in zip(logs, before, strict=True):
                with log.open("rb") as file:
                    file.seek(seen)
                    said = file.read(8 * MB).decode("utf-8", "replace")
                if any(text in said for text in SAYS):
                    return
            let_pass(0.2)
        raise PointMissed(f"{self.store} never found its disk full")


FULL_DISKS: Final = tuple(DiskFull(store) for store in WRITERS)
