"""deploy/nginx/nginx.conf is rendered from the gateway's route table and decides as the local gateway does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedmill.cli import routes

CONF = (Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "nginx.conf").read_text()
ROUTES = routes.load()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def service_by_nginx(method: str, path: str) -> str:
    """As nginx reads the map: the first regular expression that fits, else the default."""
    lines = re.search(r'map "\$request_method \$uri" \$service \{(.*?)\n  \}', CONF, re.DOTALL)
    assert lines is not None
    default = ""
    for line in lines[1].strip().splitlines():
        key, _, service = line.strip().rstrip(";").rpartition(" ")
        if key == "default":
            default = service
        elif re.search(key.strip('"').removeprefix("~"), f"{method} {path}"):
            return service
    return default


def paths() -> list[str]:
    filled = [re.sub(r"\{[^}]+\}", "17", route.path) for route in ROUTES]
    return sorted({*filled, *(f"{path}/more" for path in filled), "/", "/nothing", "/v1", "/v1/events/"})


@pytest.mark.parametrize("method", METHODS)
def test_nginx_and_the_local_gateway_choose_the_same_service(method: str) -> None:
    table = routes.Table.of(ROUTES)
    for path in paths():
        assert service_by_nginx(method, path) == table.service(method, path), f"{method} {path}"


def test_every_route_leads_to_its_service() -> None:
    assert ROUTES, "the route table is empty"
    for route in ROUTES:
        assert service_by_nginx(route.method, re.sub(r"\{[^}]+\}", "17", route.path)) == route.service


def setting(name: str) -> str:
    (value,) = set(re.findall(rf"^\s*{name} ([^;]+);", CONF, re.MULTILINE))
    return str(value)


def test_large_bodies_and_long_waits_pass_and_nothing_is_sent_twice() -> None:
    assert int(setting("client_max_body_size").removesuffix("m")) >= 10
    assert int(setting("proxy_read_timeout").removesuffix("s")) > 35
    assert int(setting("proxy_send_timeout").removesuffix("s")) > 35
    assert setting("proxy_next_upstream") == "off"


def test_bodies_and_answers_are_streamed() -> None:
    assert setting("proxy_request_buffering") == "off"
    assert setting("proxy_buffering") == "off"


def test_it_writes_below_tmp_only() -> None:
    written = re.findall(r"(?:pid|_temp_path) (\S+);", CONF)
    assert len(written) == 6
    assert all(path.startswith("/tmp/") for path in written)
    assert set(re.findall(r"(?:access_log|error_log) (/\S+)", CONF)) == {"/dev/stdout", "/dev/stderr"}
