"""A real ClickHouse server on this machine: the engine of the `chdb-core` wheel with its listeners open."""

from __future__ import annotations

import http.client
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

from feedmill.cli.local import probes
from feedmill.cli.local.layout import Home
from feedmill.cli.local.part import PartFailed, PartSpec, environment_for_parts

USER = DATABASE = "feedmill"
PASSWORD = "feedmill"  # noqa: S105  the server listens on loopback, on one's own machine
ANALYST = "analyst"
MEMORY_BYTES = 700_000_000
"""The engine's own limit for queries and caches together; at rest it takes about 300 MB."""
KEEP_FREE_BYTES = 64_000_000
"""Of its disk: below it nothing is inserted and no merge begins, so that none is cut off by the last byte."""

CONFIG = f"""\
<clickhouse>
  <http_port>{{http_port}}</http_port>
  <tcp_port>{{tcp_port}}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <users_config>users.xml</users_config>
  <max_server_memory_usage>{MEMORY_BYTES}</max_server_memory_usage>
  <mark_cache_size>33554432</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_thread_pool_size>1000</max_thread_pool_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <storage_configuration><disks>
    <default><keep_free_space_bytes>{KEEP_FREE_BYTES}</keep_free_space_bytes></default>
  </disks></storage_configuration>
  <shutdown_wait_unfinished>1</shutdown_wait_unfinished>
</clickhouse>
"""

USERS = """\
<clickhouse>
  <profiles>
    <default><async_insert>0</async_insert><max_threads>2</max_threads></default>
    <reader>
      <readonly>1</readonly><max_execution_time>30</max_execution_time><max_threads>2</max_threads>
      <max_memory_usage>300000000</max_memory_usage><max_memory_usage_for_user>400000000</max_memory_usage_for_user>
      <max_bytes_before_external_group_by>100000000</max_bytes_before_external_group_by>
      <max_bytes_before_external_sort>100000000</max_bytes_before_external_sort>
      <max_temporary_data_on_disk_size_for_user>4000000000</max_temporary_data_on_disk_size_for_user>
      <max_result_rows>1000000</max_result_rows>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>{users}</users>
</clickhouse>
"""

ONE_USER = """<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
  <profile>{profile}</profile><quota>default</quota>{grants}</{name}>"""

ANALYST_GRANTS = "<grants>{}</grants>".format(
    "".join(f"<query>GRANT SELECT ON {name}.*</query>" for name in (DATABASE, "analytics"))
)


@dataclass(frozen=True, slots=True)
class ClickHouse:
    home: Home
    http_port: int
    tcp_port: int

    @property
    def url(self) -> str:
        return f"http://{quote(USER)}:{quote(PASSWORD)}@127.0.0.1:{self.http_port}/{DATABASE}"

    @property
    def folder(self) -> Path:
        return self.home.data / "clickhouse"

    def spec(self) -> PartSpec:
        return PartSpec(
            name="clickhouse",
            command=(sys.executable, "-m", "feedmill.cli.local.clickhouse_server", str(self.folder)),
            address=f"127.0.0.1:{self.http_port}",
            log=self.home.log_of("clickhouse"),
            ready=partial(probes.clickhouse, self.http_port),
            env=environment_for_parts(),
            prepare=self.prepare,
            finish=self.make_database,
        )

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.xml").write_text(CONFIG.format(http_port=self.http_port, tcp_port=self.tcp_port))
        users = self.folder / "users.xml"
        users.touch(mode=0o600)
        users.write_text(USERS.format(users=users_xml()))

    def make_database(self) -> None:
        """Over HTTP as the services' own user, which proves the user as well."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
        try:
            connection.request("POST", "/", f"CREATE DATABASE IF NOT EXISTS {DATABASE}", headers)
            answer = connection.getresponse()
            said = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if answer.status != 200:
            raise PartFailed(f"clickhouse refused to make the database {DATABASE}: {said}")


def users_xml() -> str:
    """`default` keeps its empty password: the session that embeds the engine logs in as it, from loopback only."""
    rows = (
        ("default", "", "default", ""),
        (USER, PASSWORD, "default", ""),
        (ANALYST, ANALYST, "reader", ANALYST_GRANTS),
    )
    return "".join(
        ONE_USER.format(name=name, password=escape(password), profile=profile, grants=grants)
        for name, password, profile, grants in rows
    )
