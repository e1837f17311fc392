"""Around every request: its trace, its metrics, its line in the access log."""

from time import perf_counter
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedmill.runtime import logs, metrics, trace_context
from feedmill.runtime.problem import answer_with_problem

log = logs.get("feedmill.http")


class Observed:
    """ASGI: trace context in and out, metrics, and where asked for a line a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server itself leaves the body out
        began_s = perf_counter()
        context = trace_context.TraceContext.following(_header(scope, b"traceparent"))
        trace_context.enter(context)
        status: int | None = None

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"traceparent", str(context).encode()))
            await send(message)

        in_flight = metrics.HTTP_IN_FLIGHT.at()
        in_flight.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:
            if status is not None:  # the answer has begun: nothing can be said any more
                raise
            await (await answer_with_problem(Request(scope), error))(scope, receive, send_observed)
        finally:
            in_flight.dec()
            self._count(scope, status or 500, perf_counter() - began_s, context)

    def _count(self, scope: Scope, status: int, took_s: float, context: trace_context.TraceContext) -> None:
        route = getattr(scope.get("route"), "path", "unknown")  # never the path itself: that has no bound
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.HTTP_REQUESTS.at(method, route, str(status)).inc()
        metrics.HTTP_DURATION.at(method, route).observe(took_s)
        if scope["app"].state.access_log:
            log.info(
                "request",
                method=method,
                route=route,
                status=status,
                took_ms=round(took_s * 1_000, 2),
                trace_id=context.trace_id,
            )


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None
