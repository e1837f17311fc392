from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg2
import pytest

from feedmill.cli.local.keeper import State
from feedmill.cli.local.part import Readiness
from feedmill.testkit.platform import Platform, Shape

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform(Shape(services=(), auto_restart=True)) as started:
        yield started


def test_stores_come_with_topics_and_schemas(platform: Platform) -> None:
    connection = psycopg2.connect(platform.connections.postgres)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sink_position")
    connection.close()
    assert all(platform.state(name) is State.READY for name in ("kafka", "postgres", "clickhouse"))


@pytest.mark.parametrize("part", ["kafka", "postgres", "clickhouse"])
def test_a_killed_store_is_brought_back(platform: Platform, part: str) -> None:
    before = platform.pid(part)
    platform.kill(part)
    platform.wait_ready(part)
    assert platform.pid(part) != before


def test_a_frozen_store_is_seen_and_thaws(platform: Platform) -> None:
    keeper = platform.keepers["clickhouse"]
    platform.stop("clickhouse")
    assert keeper.wait_for(lambda k: k.state is State.DEGRADED, 20)
    platform.cont("clickhouse")
    assert keeper.wait_for(lambda k: k.state is State.READY, 20)


def test_a_part_taken_down_stays_down(platform: Platform) -> None:
    platform.down("clickhouse")
    assert platform.state("clickhouse") is State.STOPPED
    assert platform.keepers["clickhouse"].part.spec.ready() is Readiness.NOT_YET
    platform.start("clickhouse")
    platform.wait_ready("clickhouse")


def test_nothing_is_left_behind() -> None:
    platform = Platform(Shape(services=()))
    platform.start("clickhouse")
    platform.wait_ready("clickhouse")
    pid = platform.pid("clickhouse")
    platform.close()
    assert not platform.home.root.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
