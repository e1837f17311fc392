"""What a process knows of its own health, and the side port that tells it.

Liveness is progress ("it moved on"), never "the process is up", and asks no dependency. Readiness is each dependency by
name, and not draining; asked for `?essential`, only those without which nothing can be served.
"""

import json
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Final, Self

from feedmill.runtime import metrics

JSON: Final = "application/json"
PATHS: Final = ("/livez", "/readyz", "/healthz", "/metrics", "/version")

ESSENTIAL: Final = ("essential", "essential=", "essential=true", "essential=1")
"""How a probe asks for the essential dependencies alone."""

Answer = tuple[int, str, bytes]
"""status, content type, body"""


class Health:
    """Told by the process, asked by its ports; safe between threads.

    `progressed()` each turn of the loop, `report()` whenever a dependency comes or goes, `drain()` once on stop.
    """

    def __init__(
        self,
        service: str,
        *,
        essential: Collection[str] | None = None,
        stalled_after_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`essential`: the dependencies without which it serves nothing; None: all of them."""
        self.service = service
        self._essential = essential
        self.version = _version_of(service)
        self._stalled_after_s = stalled_after_s
        self._monotonic = monotonic
        self._progressed_at_s = monotonic()
        self._dependencies: dict[str, tuple[bool, str]] = {}
        self._draining = False
        self.broken = ""
        metrics.BUILD_INFO.at(service, self.version).set(1)
        metrics.PROGRESS_AGE.at().set_function(lambda: self.progress_age_s)

    def progressed(self) -> None:
        """The loop made a turn: polled and moved on."""
        self._progressed_at_s = self._monotonic()

    def report(self, dependency: str, *, up: bool, detail: str = "") -> None:
        """How a dependency is; one never reported up keeps the process unready. `detail` holds no secret."""
        self._dependencies[dependency] = (up, detail)
        metrics.DEPENDENCY_UP.at(dependency).set(1 if up else 0)

    def broke(self, reason: str) -> None:
        """Beyond repair: neither alive nor ready, and to end non-zero."""
        self.broken = reason

    def drain(self) -> None:
        """From now on not ready: the balancer sends no more."""
        self._draining = True

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def progress_age_s(self) -> float:
        return self._monotonic() - self._progressed_at_s

    @property
    def ready(self) -> bool:
        return self._serving and all(up for up, _ in self._dependencies.values())

    @property
    def essentially_ready(self) -> bool:
        """It can serve something: traffic should come, though a store may be away."""
        known = self._dependencies if self._essential is None else self._essential
        return self._serving and all(self._dependencies.get(name, (False, ""))[0] for name in known)

    @property
    def _serving(self) -> bool:
        return not (self._draining or self.broken)

    def answer(self, path: str, query: str = "") -> Answer | None:
        """The answer of an operator's path, None for any other."""
        match path:
            case "/livez":
                return self._livez()
            case "/readyz" | "/healthz":
                return self._readyz(self.essentially_ready if query in ESSENTIAL else self.ready)
            case "/metrics":
                return 200, metrics.CONTENT_TYPE, metrics.exposition()
            case "/version":
                return 200, JSON, _json({"service": self.service, "version": self.version})
        return None

    def _livez(self) -> Answer:
        age_s = self.progress_age_s
        alive = age_s <= self._stalled_after_s and not self.broken
        status = self.broken or ("ok" if alive else "stalled")
        body = {"status": status, "progress_age_s": round(age_s, 3)}
        return 200 if alive else 503, JSON, _json(body)

    def _readyz(self, enough: bool) -> Answer:
        """The status tells of all dependencies, the code of those that were asked for."""
        dependencies = {
            name: {"up": up} | ({"detail": detail} if detail else {})
            for name, (up, detail) in sorted(self._dependencies.items())
        }
        status = "draining" if self._draining else "ready" if self.ready else "degraded"
        return 200 if enough else 503, JSON, _json({"status": status, "dependencies": dependencies})


class SidePort:
    """A thread that serves a consumer's health; a context manager. `port` 0 takes a free one."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._server = ThreadingHTTPServer((host, port), partial(_Handler, health))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="side-port", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds a client may take to send its request

    def __init__(self, health: Health, *args: Any) -> None:
        self._health = health
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer one request and close."""
        path, _, query = self.path.partition("?")
        answer = self._health.answer(path, query)
        status, content_type, body = answer or (404, JSON, _json({"status": "not found", "paths": PATHS}))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Probes are not worth a line."""


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _version_of(service: str) -> str:
    try:
        return version(f"feedmill-{service}")
    except PackageNotFoundError:
        return version("feedmill-runtime")
