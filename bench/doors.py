"""The door under test, and the same door without a log: bare of Kafka, all else as it is."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench import client
from bench.client import Answered, Load
from bench.records import data_of
from feedmill.cli import api_keys
from feedmill.cli.local.part import Part
from feedmill.cli.local.services import BY_NAME, Site, service_spec
from feedmill.testkit.platform import Platform
from feedmill.testkit.ports import free_origin

UNLIMITED = {
    "FEEDMILL_INGEST__RATE__EVENTS": "1000000000/minute",
    "FEEDMILL_INGEST__IDS__FIRST_BLOCK": "10000000",
}
"""One owner sends everything, and more new objects in a second than a town in a day."""
READY_S = 60.0
ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class Door:
    """A door that listens; `cpu_us`: what its process spent on each event, load by load."""

    port: int
    pid: int
    cpu_us: list[float] = field(default_factory=list)

    def take(self, load: Load, events: int = 1) -> Answered:
        """Put load on it; `events` in each request. Every answer must be a success."""
        before_s = cpu_s(self.pid)
        answered = client.run(load)
        assert not answered.other, f"answers that are no success: {dict(answered.other)}"
        self.cpu_us.append((cpu_s(self.pid) - before_s) / (answered.ok * events) * 1e6)
        return answered


def cpu_s(pid: int) -> float:
    """Processor seconds a process has spent, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def door(platform: Platform) -> Iterator[Door]:
    """The product, one worker."""
    platform.start("ingest", UNLIMITED, restarts=False)
    platform.wait_ready("ingest")
    try:
        yield Door(port_of(platform.address("ingest")), platform.pid("ingest"))
    finally:
        platform.down("ingest")


@contextmanager
def door_without_log(platform: Platform) -> Iterator[Door]:
    """The same app in a process of its own, with a producer that acknowledges at once."""
    port = free_origin()
    site = Site(platform.home, platform.ports, platform.connections)
    env = {**UNLIMITED, "FEEDMILL_INGEST__PORT": str(port)}
    spec = service_spec(site, replace(BY_NAME["ingest"], offset=port - platform.ports.origin), 0, env)
    name = "door-without-log"
    command = (sys.executable, "-m", "bench.door_without_log")
    part = Part(replace(spec, name=name, command=command, cwd=ROOT, log=platform.home.log_of(name)))
    try:
        part.start()
        part.wait_ready(READY_S)
        assert part.pid is not None
        yield Door(port, part.pid)
    finally:
        part.kill()


def port_of(address: str) -> int:
    port = urlsplit(address).port
    assert port is not None, address
    return port


def service_key(platform: Platform) -> str:
    """A key that may act for anyone."""
    return api_keys.create_for_service(platform.connections.postgres, "bench", ("events:write", "feeds:read")).key


def event(verb: str, actor: int, ce_id: str, rng: random.Random) -> dict[str, object]:
    """As a client sends it: new objects have no id yet."""
    data = data_of(verb, actor, 1, rng)
    if verb in ("post", "comment"):
        del data["object"]["id"]
    if verb == "follow":
        del data["since"]
    return {"specversion": "1.0", "id": ce_id, "source": "bench", "type": f"feedmill.{verb}.v1", "data": data}


def single_requests(key: str, seed: int) -> list[bytes]:
    """A thousand posts of a thousand people, each with a number to be filled in."""
    rng = random.Random(seed)
    place = client.PLACE.decode()
    bodies = (json.dumps(event("post", actor, f"{seed}-{place}", rng)).encode() for actor in range(1, 1_001))
    return [client.request("POST", "/v1/events", key, body) for body in bodies]


def batch_requests(key: str, seed: int, size: int) -> list[bytes]:
    """Posts of a thousand people, so many in a request, each request with a number to be filled in."""
    rng = random.Random(seed)
    place = client.PLACE.decode()
    bodies = []
    for start in range(0, 1_000, size):
        actors = range(start + 1, start + size + 1)
        bodies.append([event("post", actor, f"{seed}-{place}-{actor}", rng) for actor in actors])
    return [client.request("POST", "/v1/events", key, json.dumps(events).encode()) for events in bodies]
