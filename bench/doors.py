"""The door under test, and the same door without a log: bare of Kafka, all else as it is."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bench import client
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


@contextmanager
def door(platform: Platform) -> Iterator[int]:
    """The product, one worker; its port."""
    platform.start("ingest", UNLIMITED, restarts=False)
    platform.wait_ready("ingest")
    try:
        yield port_of(platform.address("ingest"))
    finally:
        platform.down("ingest")


@contextmanager
def door_without_log(platform: Platform) -> Iterator[int]:
    """The same app in a process of its own, with a producer that acknowledges at once; its port."""
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
        yield port
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
