"""A line is one line, and holds no secret."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from feedmill.runtime import logs
from feedmill.runtime.settings import LogSettings


@pytest.fixture
def said() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Everything said since, as JSON."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(LogSettings(format="json"), service="mill", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_json_with_time_level_and_service(said: Callable[[], list[dict[str, Any]]]) -> None:
    logs.get("x").info("feed_read", items=20)
    [line] = said()
    assert (line["event"], line["items"], line["level"], line["service"]) == ("feed_read", 20, "info", "mill")
    assert line["at"].endswith("Z")


@pytest.mark.parametrize("field", ["key", "app_key", "x-app-key", "auth_token", "password", "dsn", "authorization"])
def test_secret_fields_are_blanked(said: Callable[[], list[dict[str, Any]]], field: str) -> None:
    logs.get("x").info("seen", **{field: "hunter2"}, inner={field: "hunter2"})
    assert "hunter2" not in json.dumps(said())


@pytest.mark.parametrize(
    "text",
    ["postgresql://a:hunter2@db/x", "cannot reach http://u:hunter2@ch:8123", "dsn: host=db password=hunter2 port=5"],
)
def test_passwords_in_addresses_are_blanked(said: Callable[[], list[dict[str, Any]]], text: str) -> None:
    logs.get("x").info("away", reason=text, all=[text])
    assert "hunter2" not in json.dumps(said())


def test_control_characters_and_lone_surrogates_cannot_break_a_line(
    said: Callable[[], list[dict[str, Any]]],
) -> None:
    logs.get("x").info("seen", text='a\nb\r\x1b[2J\ud800 {"event": "forged"}')
    [line] = said()
    assert line["text"].startswith("a\\nb\\r\\x1b[2J\\ud800")


def test_the_standard_librarys_loggers_take_the_same_way(said: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("uvicorn").warning("hello %s", "password=hunter2", extra={"color_message": "x"})
    [line] = said()
    assert line["event"] == "hello password=[redacted]"
    assert "color_message" not in line


def test_an_exceptions_trace_is_kept(said: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise RuntimeError("why")
    except RuntimeError:
        logs.get("x").exception("failed")
    assert "RuntimeError: why" in said()[0]["exception"]


def test_console_form_is_for_people() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure(LogSettings(format="console", level="warning"), service="mill", stream=stream)
        logs.get("x").warning("careful", text="a\nb")
        logs.get("x").info("not shown")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert "careful" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
