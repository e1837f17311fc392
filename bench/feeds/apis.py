"""More api processes beside the platform's own, each told something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from bench import doors
from bench.doors import Door
from feedmill.cli.local.part import Part
from feedmill.cli.local.services import BY_NAME, Site, service_spec
from feedmill.testkit.platform import Platform
from feedmill.testkit.ports import free_origin


@contextmanager
def an_api(platform: Platform, name: str, more: Mapping[str, str]) -> Iterator[Door]:
    """As long as the block runs; `more`: names of its environment."""
    port = free_origin()
    site = Site(platform.home, platform.ports, platform.connections)
    env = {"FEEDMILL_API__PORT": str(port), **more}
    spec = service_spec(site, replace(BY_NAME["api"], offset=port - platform.ports.origin), 0, env)
    part = Part(replace(spec, name=f"api-{name}", log=platform.home.log_of(f"api-{name}")))
    try:
        part.start()
        part.wait_ready(doors.READY_S)
        assert part.pid is not None
        yield Door(port, part.pid)
    finally:
        part.kill()
