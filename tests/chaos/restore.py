"""Postgres is lost, and comes back from a base backup and its archived WAL as it was at a named point, in the past.

Its positions came back with it, so the sink applies the rest of the log again: the state must be that of no fault.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg2

from chaos.checker import check_all
from chaos.contents import Check
from chaos.fire import Fight, LoadThread, Outcome, wait_for_rest
from chaos.ledger import read_ledger
from chaos.observed import observe, postgres_positions, rows_of
from chaos.stage import INGEST, POSTGRES_SINK, QUIET_TIMEOUT_S, Stage
from feedmill.cli.local.postgres import Postgres, programs
from feedmill.testkit.waiting import wait_until

EVENTS_PER_S: Final = 300.0
POINT: Final = "before_the_loss"
RECOVERY_TIMEOUT_S: Final = 60.0
FEW_IDS_AHEAD: Final = {INGEST: {"FEEDMILL_INGEST__IDS__FIRST_BLOCK": "20", "FEEDMILL_INGEST__IDS__AHEAD_S": "1"}}
"""Or the blocks that came back with the backup would by chance begin above every id in the log."""
NEW_IDS: Final = """SELECT b.kind, b.next_id, max(o.id) FROM id_block b JOIN object o ON o.type = b.kind
 WHERE o.author_id IS NOT NULL GROUP BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Backup:
    """Of a stage's Postgres: a base backup and the WAL since."""

    stage: Stage
    launcher: Postgres
    base: Path
    archive: Path

    @classmethod
    def of(cls, stage: Stage) -> Backup:
        """Archiving begins."""
        home, ports = stage.platform.home, stage.platform.ports
        launcher = Postgres(home, ports.postgres)
        backup = cls(stage, launcher, launcher.folder.with_name("backup"), launcher.folder.with_name("archive"))
        backup.archive.mkdir()
        backup._give(backup.archive)
        backup._execute("ALTER SYSTEM SET archive_mode = 'on'")
        backup._execute(f"ALTER SYSTEM SET archive_command = 'cp %p {backup.archive}/%f'")
        stage.platform.restart("postgres")
        return backup

    def take(self) -> None:
        program = programs(self.launcher.run_as) / "pg_basebackup"
        arguments = ("-d", self.launcher.dsn, "-D", str(self.base), "--checkpoint=fast", "--no-sync")
        subprocess.run([str(program), *arguments], check=True, capture_output=True, timeout=120, cwd="/")
        verify = programs(self.launcher.run_as) / "pg_verifybackup"
        subprocess.run([str(verify), str(self.base)], check=True, capture_output=True, timeout=120, cwd="/")

    def name_point(self) -> None:
        """Where the restored Postgres will stand; all WAL up to it is in the archive when this returns."""
        self._execute(f"SELECT pg_create_restore_point('{POINT}')")
        [[segment]] = self._rows("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self._execute("SELECT pg_switch_wal()")
        wait_until((self.archive / segment).exists, "the segment is archived")

    def restore(self) -> None:
        """The data are gone; Postgres serves again as it was at the point."""
        platform, folder = self.stage.platform, self.launcher.folder
        platform.keepers["postgres"].kill()
        shutil.rmtree(folder)
        self.base.rename(folder)
        (folder / "recovery.signal").touch()
        with (folder / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {self.archive}/%f %p'\n")
            settings.write(f"recovery_target_name = '{POINT}'\nrecovery_target_action = 'promote'\n")
        self._give(folder)
        platform.start("postgres")
        platform.wait_ready("postgres")
        wait_until(self._is_serving, "the end of recovery", within_s=RECOVERY_TIMEOUT_S)

    def _is_serving(self) -> bool:
        [[recovering]] = self._rows("SELECT pg_is_in_recovery()")
        return not recovering

    def _give(self, folder: Path) -> None:
        """To the user that Postgres runs as."""
        run_as = self.launcher.run_as
        if run_as is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, run_as.user_id, run_as.group_id)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows_of(self.launcher.dsn, query)

    def _execute(self, statement: str) -> None:
        with closing(psycopg2.connect(self.launcher.dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


def load(stage: Stage, seed: int, events: int) -> int:
    thread = LoadThread(stage, Fight(seed, events, EVENTS_PER_S, ()))
    thread.start()
    thread.release()
    thread.join()
    return thread.sent


def restored(stage: Stage, seed: int, events: int, told: Callable[[str], None]) -> Outcome:
    """A third of the events before the backup, a third before the point, a third that the backup does not have."""
    backup = Backup.of(stage)
    sent = load(stage, seed, events // 3)
    told("base backup")
    backup.take()
    sent += load(stage, seed + 1, events // 3)
    backup.name_point()
    sent += load(stage, seed + 2, events // 3)
    before = Check("L all of it is there before the loss", 1)
    wait_for_rest(stage, before, QUIET_TIMEOUT_S)
    digest, reached = stage.feedmill("digest"), sum(postgres_positions(stage.stores.postgres).values())
    told("Postgres is lost, and restored to the point")
    stage.platform.down(INGEST)
    stage.platform.stop(POSTGRES_SINK)  # or it is back at the end before anybody has looked
    began = time.monotonic()
    backup.restore()
    took_s = time.monotonic() - began
    older = Check("B the restored state is an older one, and its id blocks are", 2)
    missing = reached - sum(postgres_positions(stage.stores.postgres).values())
    older.expect(missing > 0, "nothing was to be applied again: this proves nothing")
    stage.platform.cont(POSTGRES_SINK)
    caught = Check("L the rest of the log is applied by itself", 1)
    rest_s = wait_for_rest(stage, caught, QUIET_TIMEOUT_S)
    repeated = [kind for kind, next_id, highest in rows_of(stage.stores.postgres, NEW_IDS) if next_id <= highest]
    older.expect(bool(repeated), "no id would have been given twice: this proves nothing")
    stage.feedmill("restored", as_json=False)
    same = Check("B the digest is that of no fault", 1)
    after = stage.feedmill("digest")
    same.expect(after == digest, f"{after['all']}, not {digest['all']}")
    stage.platform.start(INGEST)
    stage.platform.wait_ready(INGEST)
    told("going on")
    sent += load(stage, seed + 3, events // 3)
    rest = Check("L what comes after it arrives", 1)
    wait_for_rest(stage, rest, QUIET_TIMEOUT_S)
    checks = [before, older, caught, same, rest, *check_all(read_ledger(stage.ledger_path), observe(stage.stores))]
    figures: dict[str, object] = {
        "sent": sent,
        "restored in": f"{took_s:.1f} s",
        "applied again": f"{missing} raw records in {rest_s:.1f} s",
    }
    return Outcome(checks, [], figures)
