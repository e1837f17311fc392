"""Looks on while a run goes: what was applied once stays applied."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2

from chaos.contents import Check
from chaos.observed import ENRICHED

LOOK_S = 0.02
QUERY = "SELECT partition, source_offset, next_offset FROM sink_position WHERE topic = %s"


class PositionWatch(threading.Thread):
    """Reads the Postgres sink's positions all along; none may ever go back, or who waited for one was told too much."""

    def __init__(self, dsn: str) -> None:
        super().__init__(name="position-watch", daemon=True)
        self.check = Check("P a position never goes back", 0)
        self._dsn = dsn
        self._done = threading.Event()
        self._highest: dict[int, tuple[int, int]] = {}

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self._look_on()
            except psycopg2.Error:
                self._done.wait(LOOK_S)  # Postgres is away: part of the game

    def _look_on(self) -> None:
        with closing(psycopg2.connect(self._dsn, connect_timeout=2)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not self._done.wait(LOOK_S):
                    cursor.execute(QUERY, (ENRICHED,))
                    for partition, *at in cursor.fetchall():
                        self._compare(partition, (at[0], at[1]))

    def _compare(self, partition: int, at: tuple[int, int]) -> None:
        self.check.examined += 1
        highest = self._highest.get(partition, (-1, 0))
        if at[0] < highest[0] or at[1] < highest[1]:
            self.check.problems.append(f"partition {partition}: from {highest} back to {at}")
        self._highest[partition] = at

    def finish(self) -> Check:
        self._done.set()
        self.join()
        return self.check
