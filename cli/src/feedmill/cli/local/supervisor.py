"""The process that brings a platform up in order, keeps it up and drains it: `python -m feedmill.cli.local.supervisor
PLAN.json`. `feedmill up` starts it; SIGTERM ends it; what it knows is in FEEDMILL_HOME/run/state.json.

Order up, each step only when the one before is ready: stores; topics and schemas; services; gateway; one event seen
at both ends. Order down is the reverse. It loads no client library, so it stays small.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from feedmill.cli.local.clickhouse import ClickHouse
from feedmill.cli.local.hold import held
from feedmill.cli.local.kafka import Kafka
from feedmill.cli.local.keeper import Keeper, State, stop_all
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.part import PartFailed, PartSpec, environment_for_parts, last_lines
from feedmill.cli.local.postgres import Postgres
from feedmill.cli.local.processes import birth
from feedmill.cli.local.services import BY_NAME, PARTS, STORES, Connections, Site, service_spec
from feedmill.cli.local.state import PartState, Phase, Plan, PlatformState, lock, read_plan, write_state

STORES_TIMEOUT_S = 90.0
STEP_TIMEOUT_S = 180.0
SERVICES_TIMEOUT_S = 90.0
HOLD_LOOK_S = 0.1
ENDS_ALLOWED = 4
"""A part that ends more often than this before it was ready will not get ready."""

DOORS = ("ingest", "api")
CONSUMERS = ("enricher", "feed-writer-postgres", "feed-writer-clickhouse")
DRAIN_ORDER = (("gateway",), DOORS, ("enricher",), CONSUMERS[1:], STORES)


class Asked(Exception):
    """Somebody asked the supervisor to stop while it was still starting."""


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = Home(Path(plan.home))
        self.ports = Ports(plan.origin)
        self.keepers: dict[str, Keeper] = {}
        self.stop = threading.Event()
        self._held: frozenset[str] = frozenset()
        self._phase = Phase.STARTING
        self._message = ""
        self._writing = threading.Lock()
        kafka = Kafka(self.home, self.ports.kafka, self.ports.kafka_controller, lasting=True)
        postgres = Postgres(self.home, self.ports.postgres)
        clickhouse = ClickHouse(self.home, self.ports.clickhouse_http, self.ports.clickhouse_tcp)
        self._stores: dict[str, Callable[[], PartSpec]] = {
            "kafka": kafka.spec,
            "postgres": postgres.spec,
            "clickhouse": clickhouse.spec,
        }
        self.connections = Connections(
            kafka=plan.given.get("kafka", kafka.bootstrap_servers),
            postgres=plan.given.get("postgres", postgres.dsn),
            clickhouse=plan.given.get("clickhouse", clickhouse.url),
        )

    def run(self) -> int:
        try:
            self._bring_up()
        except Asked:
            return self._bring_down(Phase.STOPPED)
        except PartFailed as failure:
            self._note(Phase.FAILED, str(failure))
            return self._bring_down(Phase.FAILED, str(failure))
        self._note(Phase.READY, "")
        while not self.stop.wait(HOLD_LOOK_S):
            self._hold(held(self.home))
        return self._bring_down(Phase.STOPPED)

    def _hold(self, names: frozenset[str]) -> None:
        """Stop the parts that shall be held, start those that no longer shall."""
        stop_all([self.keepers[name] for name in names - self._held if name in self.keepers])
        for name in self._held - names:
            if name in self.keepers:
                self._keep(self.keepers[name].part.spec)
        self._held = names

    def _keep(self, spec: PartSpec) -> None:
        self.keepers[spec.name] = Keeper(spec, changed=lambda _: self._write())
        self.keepers[spec.name].start()

    def _bring_up(self) -> None:
        own = [name for name in STORES if name not in self.plan.given]
        self._note(Phase.STARTING, "starting " + (", ".join(own) or "nothing of our own"))
        self._start({name: self._stores[name]() for name in own}, STORES_TIMEOUT_S)
        self._note(Phase.STARTING, "making topics and schemas")
        self._step("prepare", ())
        self._note(Phase.STARTING, "starting the services")
        site = Site(self.home, self.ports, self.connections, self.plan.settings)
        names = (*DOORS, *CONSUMERS, "gateway")
        self._start({name: service_spec(site, BY_NAME[name]) for name in names}, SERVICES_TIMEOUT_S)
        self._note(Phase.STARTING, "following one event to Postgres and ClickHouse")
        self._step("prove", ("--demo-users",) if self.plan.demo_users else ())

    def _start(self, specs: dict[str, PartSpec], timeout_s: float) -> None:
        """All at once; returns when all are ready."""
        for spec in specs.values():
            self._keep(spec)
        deadline_s = time.monotonic() + timeout_s
        for name in specs:
            self._await(self.keepers[name], deadline_s)

    def _await(self, keeper: Keeper, deadline_s: float) -> None:
        while not keeper.wait_for(lambda k: k.state is State.READY or k.ends > ENDS_ALLOWED, 0.2):
            if self.stop.is_set():
                raise Asked
            if time.monotonic() > deadline_s:
                break
        if keeper.state is not State.READY:
            log = keeper.part.spec.log
            raise PartFailed(
                f"{keeper.name} did not get ready ({keeper.said}); its log, {log}, ends:\n{last_lines(log)}"
            )

    def _step(self, module: str, arguments: Sequence[str]) -> None:
        """A one-shot process, so that what it loads is gone with it."""
        log = self.home.log_of(module)
        environment = {**environment_for_parts(), **self.connections.environment()}
        command = [sys.executable, "-m", f"feedmill.cli.local.{module}", *arguments]
        if module == "prove":
            command += ["--origin", f"http://127.0.0.1:{self.ports.origin}", "--home", str(self.home.root)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        deadline_s = time.monotonic() + STEP_TIMEOUT_S
        while process.poll() is None:
            if self.stop.wait(0.05) or time.monotonic() > deadline_s:
                process.kill()
                process.wait()
        if self.stop.is_set():
            raise Asked
        if process.returncode:
            raise PartFailed(f"{self._message} failed; {log} ends:\n{last_lines(log)}")

    def _bring_down(self, phase: Phase, message: str = "") -> int:
        if phase is not Phase.FAILED:
            self._note(Phase.STOPPING, "draining")
        for group in DRAIN_ORDER:
            stop_all([self.keepers[name] for name in group if name in self.keepers])
        self._note(phase, message)
        return 1 if phase is Phase.FAILED else 0

    def _note(self, phase: Phase, message: str) -> None:
        self._phase, self._message = phase, message
        self._write()

    def _write(self) -> None:
        with self._writing:
            parts = tuple(self._part_state(name) for name in PARTS)
            state = PlatformState(
                self._phase, self.ports.origin, os.getpid(), self._message, addresses(self.connections), parts
            )
            write_state(self.home, state)

    def _part_state(self, name: str) -> PartState:
        if name in self.plan.given:
            return PartState(name, State.READY, host_of(self.plan.given[name]), given=True)
        keeper = self.keepers.get(name)
        if keeper is None:
            return PartState(name, State.STOPPED, "")
        ended = keeper.state in (State.STOPPED, State.FAILED)
        pid = None if ended else keeper.part.pid
        state = PartState(name, keeper.state, keeper.part.spec.address, pid, restarts=keeper.ends, said=keeper.said)
        return replace(state, born=birth(pid)) if pid else state


def addresses(connections: Connections) -> dict[str, str]:
    return {"kafka": connections.kafka, "postgres": connections.postgres, "clickhouse": connections.clickhouse}


def host_of(address: str) -> str:
    """host:port of an address, without what may be secret in it."""
    return address.rpartition("@")[2].rpartition("//")[2].split("/")[0]


def main() -> int:
    plan = read_plan(Path(sys.argv[1]))
    held = lock(Home(Path(plan.home)))
    if held is None:
        print("another supervisor runs in this home", file=sys.stderr)
        return 2
    (Home(Path(plan.home)).run / "held.json").unlink(missing_ok=True)
    supervisor = Supervisor(plan)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop.set())
    with held:
        return supervisor.run()


if __name__ == "__main__":
    raise SystemExit(main())
