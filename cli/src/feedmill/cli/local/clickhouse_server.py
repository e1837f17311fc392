"""The process behind the local ClickHouse: `python -m feedmill.cli.local.clickhouse_server FOLDER`.

`chdb-core` carries ClickHouse whole, as a library that runs a script of statements the way clickhouse-local does:
it reads ./config.xml (ports, users, limits), obeys SYSTEM START LISTEN, and lives until the script's last statement
returns. That last statement reads a named pipe nobody writes to, so a byte into the pipe is the order to shut down.

`chdb._chdb` is private: requirements pin the exact version and a contract test holds what is used here.
Config must have no <logger> with a file: clickhouse-local would then log at trace level.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

DRAIN_S = 15.0
LOOK_S = 0.2

SCRIPT = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT count() FROM file('{pipe}', LineAsString) FORMAT Null"
)


class Engine:
    """The engine in a thread of its own, so that the main thread is free to take signals."""

    def __init__(self, folder: Path) -> None:
        self.pipe = folder / "stop.pipe"
        self.data = folder / "data"
        self.ended = threading.Event()
        self.failure: str | None = None
        self.thread = threading.Thread(target=self.run, name="clickhouse", daemon=True)

    def start(self) -> None:
        self.pipe.unlink(missing_ok=True)  # left over by a kill
        os.mkfifo(self.pipe, 0o600)
        self.thread.start()

    def run(self) -> None:
        from chdb import _chdb

        try:
            answer = _chdb.query(  # type: ignore[attr-defined]
                SCRIPT.format(pipe=self.pipe), "TSV", path=str(self.data)
            )
            self.failure = answer.error_message() if answer.has_error() else None
        except RuntimeError as error:
            self.failure = str(error)
        finally:
            self.ended.set()

    def stop(self) -> bool:
        """Writes the byte; True when the engine has closed its tables within the drain time."""
        if not self.ended.is_set():
            self.pipe.write_bytes(b"\n")
        return self.ended.wait(DRAIN_S)


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    os.chdir(folder)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    engine = Engine(folder)
    engine.start()
    while not asked.wait(LOOK_S) and not engine.ended.is_set():
        pass
    drained = engine.stop()
    engine.pipe.unlink(missing_ok=True)
    if engine.failure:
        print(engine.failure, file=sys.stderr, flush=True)
    return 0 if drained and not engine.failure else 1


if __name__ == "__main__":
    raise SystemExit(main())
