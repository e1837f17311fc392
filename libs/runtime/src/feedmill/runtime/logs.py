"""Structured logs: one JSON object a line in pods, colours on a terminal, never a secret in either.

Call `configure()` once in `main()`; then `log = logs.get("feedmill.api")` and `log.info("feed_read", items=20)`:
the event is a name, what varies goes into fields. The standard library's logging (uvicorn, asyncio) takes the
same way out.
"""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from feedmill.runtime.settings import LogSettings

REDACTED: Final = "[redacted]"
SECRET_WORDS: Final = ("key", "token", "password", "secret", "authorization", "dsn", "cookie")
"""A field whose name has one of these words (split at `_` and `-`) is never printed."""

HARMLESS_FIELDS: Final = frozenset({"record_key", "key_id"})
_PASSWORD_IN_URL: Final = re.compile(r"(://[^\s/:@]*):[^\s@]*@")
_PASSWORD_IN_DSN: Final = re.compile(r"(?i)\b(password\s*=\s*)('[^']*'|\S+)")
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {10: "\\n", 13: "\\r", 9: "\\t"}


def configure(settings: LogSettings, *, service: str, stream: TextIO | None = None) -> None:
    """Send everything the process says to `stream` (by default stderr), each line with the service's name."""
    out = stream or sys.stderr
    console = settings.format == "console" or (settings.format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _naming(service),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=out.isatty()) if console else _json
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; cheap, and may be made before `configure()`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Blank secret fields and passwords in addresses; escape control characters, so a line stays one line."""
    for field, value in event.items():
        event[field] = REDACTED if _is_secret(field) else _clean(value)
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = trace.replace("\\n", "\n")  # the one field that may take several lines
    return event


def _is_secret(field: str) -> bool:
    words = re.split(r"[_\-.]", field.lower())
    return field not in HARMLESS_FIELDS and any(word in SECRET_WORDS for word in words)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        value = value.encode("utf-8", "backslashreplace").decode()  # lone surrogates
        value = _PASSWORD_IN_URL.sub(rf"\1:{REDACTED}@", value)
        return _PASSWORD_IN_DSN.sub(rf"\1{REDACTED}", value).translate(_CONTROL)
    if isinstance(value, MutableMapping):
        return {k: REDACTED if _is_secret(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _without_colours(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """uvicorn says everything twice, the second time for terminals."""
    event.pop("color_message", None)
    return event


def _naming(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return json.dumps(event, default=str)  # ASCII only: a lone surrogate cannot break the stream
