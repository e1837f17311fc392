"""W3C trace context: which request a log line, a record and a row belong to.

`traceparent` is `00-<trace id>-<span id>-<flags>`; it comes by HTTP or in a record's headers and goes on so.
"""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Self

HEADER: Final = "traceparent"
_FORM: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of one trace; `str()` is the header."""

    trace_id: str
    span_id: str
    flags: str = "01"

    @classmethod
    def parse(cls, header: str | None) -> Self | None:
        """None where the header is absent or not of version 00: the standard says to start anew then."""
        match = _FORM.fullmatch(header) if header else None
        if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
            return None
        return cls(match[1], match[2], match[3])

    @classmethod
    def new(cls) -> Self:
        """A trace of its own."""
        random = os.urandom(24).hex()
        return cls(random[:32], random[32:])

    @classmethod
    def following(cls, header: str | None) -> Self:
        """The caller's trace with a span of ours, or a new trace."""
        parent = cls.parse(header)
        return cls.new() if parent is None else cls(parent.trace_id, os.urandom(8).hex(), parent.flags)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def current() -> TraceContext:
    """The running request's context; a new one outside any request."""
    return _current.get() or TraceContext.new()


def enter(context: TraceContext) -> None:
    """Make it the current task's; a request is a task, so nothing has to be undone."""
    _current.set(context)
