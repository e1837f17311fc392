"""A whole Feedmill on free ports and in a home of its own, to use and to break on purpose.

    with Platform() as platform:                      # stores, topics, migrations, every service, the gateway
        httpx2.get(platform.address("api") + "/v1/...")
        platform.kill("enricher")                     # SIGKILL; auto_restart=True brings it back at once
        platform.stop("kafka"); platform.cont("kafka")
        platform.restart("ingest", env={"FEEDMILL_LOG_LEVEL": "debug"})

Parts are named as in `feedmill status`; a second and third replica are `enricher-2`, `enricher-3`.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from feedmill.cli.local.clickhouse import ClickHouse
from feedmill.cli.local.kafka import Kafka
from feedmill.cli.local.keeper import Keeper, State
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.part import PartSpec
from feedmill.cli.local.postgres import Postgres
from feedmill.cli.local.services import BY_NAME, STORES, Connections, Site, service_spec
from feedmill.testkit.disk import MB, Disk
from feedmill.testkit.network import Link, Network
from feedmill.testkit.running import Bench

READY_TIMEOUT_S = 120.0
NOTICE_S = 10.0
"""A keeper notices the end of its process in 0.1 s; more only where the machine is held up."""

SERVICES = ("ingest", "api", "enricher", "feed-writer-postgres", "feed-writer-clickhouse", "gateway")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a platform is made of. `env`: part -> more names, at every start of that part (replicas too)."""

    services: tuple[str, ...] = SERVICES
    replicas: Mapping[str, int] = field(default_factory=dict)
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    auto_restart: bool = False
    test_build: bool = False
    lasting: bool = False
    """As `feedmill up` starts it: a broker whose code is compiled well, which takes its first minute."""
    linked: bool = False
    """Services reach the stores, and clients reach ingest, through `Platform.links`: a network to be made bad."""


class Platform:
    """A context manager; `up()` and `close()` do for those who cannot use one."""

    def __init__(self, shape: Shape | None = None, *, auto_restart: bool | None = None) -> None:
        shape = shape or Shape()
        self.shape = shape if auto_restart is None else replace(shape, auto_restart=auto_restart)
        self._bench = Bench()
        self._network: Network | None = None
        self._disks: list[Disk] = []
        self.home: Home = self._bench.home
        self.ports: Ports = self._bench.ports
        self.links = self._lay_links() if self.shape.linked else {}
        advertised = self.links["kafka"].port if self.links else None
        kafka = Kafka(self.home, self.ports.kafka, self.ports.kafka_controller, advertised, self.shape.lasting)
        postgres = Postgres(self.home, self.ports.postgres)
        clickhouse = ClickHouse(self.home, self.ports.clickhouse_http, self.ports.clickhouse_tcp)
        self._stores: dict[str, Kafka | Postgres | ClickHouse] = {
            "kafka": kafka,
            "postgres": postgres,
            "clickhouse": clickhouse,
        }
        self.connections = Connections(kafka.bootstrap_servers, postgres.dsn, clickhouse.url)
        """The stores themselves; services may know them by `reached`."""
        self.reached = self.connections
        if self.links:
            self.reached = Connections(
                replace(kafka, port=self.links["kafka"].port).bootstrap_servers,
                replace(postgres, port=self.links["postgres"].port).dsn,
                replace(clickhouse, http_port=self.links["clickhouse"].port).url,
            )
        self.keepers: dict[str, Keeper] = {}

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.ports.origin}"

    def _lay_links(self) -> dict[str, Link]:
        """Part -> the link in front of it."""
        self._network = Network()
        ports = {
            "kafka": self.ports.kafka,
            "postgres": self.ports.postgres,
            "clickhouse": self.ports.clickhouse_http,
            "ingest": self.ports.ingest,
        }
        return {part: self._network.link(port) for part, port in ports.items()}

    def move_to_disk(self, store: str, *, spare_mb: int) -> Disk:
        """A store that is down gets a small disk of its own, with so much room above what it has now."""
        folder = self._stores[store].folder
        used = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
        self._bench.reaper.tell("mount", folder)
        disk = Disk(folder, used // MB + 1 + spare_mb)
        self._disks.append(disk)
        return disk

    def up(self) -> None:
        """Stores, schema and topics, then every service with its replicas; returns when all are ready."""
        self.start_stores()
        self.prepare()
        self.start_services()

    def start_stores(self) -> None:
        for name in STORES:
            self.start(name)
        self.wait_ready(*STORES)

    def prepare(self) -> None:
        """Topics and both schemas; repeatable."""
        from feedmill.cli.local import prepare

        prepare.topics(self.connections.kafka)
        prepare.schemas(self.connections)

    def start_services(self) -> None:
        names = self.service_names()
        for name in names:
            self.start(name)
        self.wait_ready(*names)

    def service_names(self) -> tuple[str, ...]:
        """Every service and replica of the shape."""
        return tuple(name for service in self.shape.services for name in self.replica_names(service))

    def replica_names(self, service: str) -> tuple[str, ...]:
        extra = range(2, self.shape.replicas.get(service, 1) + 1)
        return (service, *(f"{service}-{number}" for number in extra))

    def start(self, part: str, env: Mapping[str, str] | None = None, *, restarts: bool | None = None) -> Keeper:
        """Started, not yet ready. `env` is for this process and its restarts by the keeper; an old one is ended."""
        if part in self.keepers:
            self.keepers[part].kill()
        keeper = Keeper(
            self._spec(part, env or {}),
            changed=self._tell_reaper,
            restarts=self.shape.auto_restart if restarts is None else restarts,
        )
        self.keepers[part] = keeper
        keeper.start()
        return keeper

    def restart(self, part: str, env: Mapping[str, str] | None = None) -> None:
        """Drain, start again, wait until ready."""
        self.down(part)
        self.start(part, env)
        self.wait_ready(part)

    def down(self, part: str) -> int | None:
        """SIGTERM and drain; the exit status. It stays down."""
        return self.keepers[part].stop()

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        """A signal to the part's process, SIGKILL unless told: then returns when its end was noticed."""
        keeper = self.keepers[part]
        ends = keeper.ends
        keeper.part.signal(number)
        if number == signal.SIGKILL:
            keeper.wait_for(lambda k: k.ends > ends or k.state is State.STOPPED, NOTICE_S)

    def stop(self, part: str) -> None:
        """Freeze (SIGSTOP)."""
        self.kill(part, signal.SIGSTOP)

    def cont(self, part: str) -> None:
        """Thaw (SIGCONT)."""
        self.kill(part, signal.SIGCONT)

    def wait_ready(self, *parts: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        """All parts when none is named. Raises PartFailed with the last lines of the part's log."""
        for part in parts or tuple(self.keepers):
            self.keepers[part].wait_ready(timeout_s)

    def wait_ended(self, part: str, timeout_s: float = READY_TIMEOUT_S, *, more_than: int = 0) -> bool:
        """Until the part has ended unasked more than `more_than` times (a crash point was hit); False = not in time."""
        return self.keepers[part].wait_for(lambda keeper: keeper.ends > more_than, timeout_s)

    def ends(self, part: str) -> int:
        return self.keepers[part].ends

    def pid(self, part: str) -> int:
        pid = self.keepers[part].part.pid
        assert pid is not None, f"{part} was not started"
        return pid

    def state(self, part: str) -> State:
        return self.keepers[part].state

    def address(self, part: str) -> str:
        """http://host:port of a service (a consumer's side port), host:port of a store."""
        return self.keepers[part].part.spec.address

    def log(self, part: str) -> Path:
        return self.home.log_of(part)

    def close(self) -> None:
        """Ends everything at once and removes the home."""
        for keeper in reversed(self.keepers.values()):
            keeper.kill()
        for disk in self._disks:
            disk.close()
        if self._network is not None:
            self._network.close()
        self._bench.close()

    def _spec(self, part: str, env: Mapping[str, str]) -> PartSpec:
        if part in self._stores:
            return self._stores[part].spec()
        service, replica = service_and_replica(part)
        site = Site(self.home, self.ports, self.reached)
        build = {"FEEDMILL_TEST_BUILD": "1"} if self.shape.test_build else {}
        return service_spec(site, BY_NAME[service], replica, {**build, **self.shape.env.get(service, {}), **env})

    def _tell_reaper(self, keeper: Keeper) -> None:
        if keeper.part.pid is not None:
            ended = keeper.state in (State.STOPPED, State.FAILED)
            self._bench.reaper.tell("gone" if ended else "pid", keeper.part.pid)


def service_and_replica(part: str) -> tuple[str, int]:
    """`enricher-2` -> ("enricher", 1); `enricher` -> ("enricher", 0)."""
    name, _, number = part.rpartition("-")
    return (name, int(number) - 1) if number.isdigit() else (part, 0)
