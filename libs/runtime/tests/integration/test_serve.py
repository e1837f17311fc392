"""A service told to stop answers what is under way and ends with 0; one that is broken ends with 1."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from feedmill.testkit.waiting import wait_until

pytestmark = pytest.mark.integration

SERVICE = """
import asyncio, sys
from contextlib import asynccontextmanager
from feedmill.runtime import logs
from feedmill.runtime.background import background
from feedmill.runtime.health import Health
from feedmill.runtime.http import HttpSettings, create_app, serve
from feedmill.runtime.settings import LogSettings

logs.configure(LogSettings(format="json"), service="test")
health = Health("api")

async def fails():
    await asyncio.Event().wait() if not sys.argv[2:] else None
    raise RuntimeError("broken")

@asynccontextmanager
async def opened(app):
    async with background(health, fails()):
        yield
    print("closed", flush=True)

app = create_app("api", description="x", health=health, lifespan=opened)

@app.get("/slow")
async def slow() -> str:
    print("asked", flush=True)
    await asyncio.sleep(0.7)
    return "answered"

sys.exit(serve(app, HttpSettings(port=int(sys.argv[1]), drain_delay_s=0.3), health))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(tmp_path: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    return subprocess.Popen(
        [sys.executable, str(script), str(port), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def status_of(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def wait_for_status(port: int, path: str, status: int, within_s: float = 30) -> None:
    wait_until(lambda: status_of(port, path) == status, f"{path} answers {status}", within_s=within_s)


def test_sigterm_fails_readiness_first_answers_everyone_and_ends_with_0(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        wait_for_status(port, "/readyz", 200)
        answers: list[int] = []
        caller = threading.Thread(target=lambda: answers.append(status_of(port, "/slow")))
        caller.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        wait_for_status(port, "/readyz", 503)
        assert process.wait(20) == 0
        caller.join()
        assert answers == [200]
        assert process.stdout.read() == "closed\n"


def test_a_background_task_that_fails_ends_the_process_with_1(tmp_path: Path) -> None:
    with started(tmp_path, free_port(), "broken") as process:
        assert process.wait(30) == 1


def test_a_port_in_use_ends_the_process_with_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with started(tmp_path, taken.getsockname()[1]) as process:
            assert process.wait(30) != 0
