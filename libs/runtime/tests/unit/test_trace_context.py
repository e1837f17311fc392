"""Trace context goes on, or begins."""

import pytest

from feedmill.runtime import trace_context
from feedmill.runtime.trace_context import TraceContext

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def test_a_callers_trace_goes_on_with_a_span_of_ours() -> None:
    context = TraceContext.following(GIVEN)
    assert context.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert context.span_id != "b7ad6b7169203331"
    assert context.flags == "00"
    assert TraceContext.parse(str(context)) == context


@pytest.mark.parametrize(
    "header",
    [None, "", "00-abc", GIVEN.upper(), GIVEN + "x", f"00-{'0' * 32}-{'1' * 16}-00", f"00-{'1' * 32}-{'0' * 16}-00"],
)
def test_anything_else_begins_a_new_trace(header: str | None) -> None:
    assert TraceContext.parse(header) is None
    assert TraceContext.parse(str(TraceContext.following(header))) is not None


def test_the_current_context_is_the_one_entered() -> None:
    context = TraceContext.new()
    trace_context.enter(context)
    assert trace_context.current() == context
