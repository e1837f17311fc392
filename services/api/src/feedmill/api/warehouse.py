"""ClickHouse, asked for one event at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

from feedmill.api.wire import Hop
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.runtime import logs
from feedmill.runtime.outcome import Transient
from feedmill.runtime.settings import ClickHouseSettings

log = logs.get("feedmill.api.warehouse")

SQL: Final = """SELECT source_partition, source_offset, inserted_at
  FROM fact_activity FINAL
 WHERE event_id = {event_id:UUID}
   AND ({verb:String} = '' OR verb = {verb:String}) AND ({actor_id:Int64} = 0 OR actor_id = {actor_id:Int64})
 LIMIT 1"""
"""With verb and actor it is a point of the sorting key; without them a scan, bounded by its time."""


class ClickHouse:
    """A client in one thread, made at its first use; made anew after any failure."""

    def __init__(self, settings: ClickHouseSettings, *, timeout_s: float) -> None:
        self._url = settings.url.get_secret_value()
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, "clickhouse")
        self._client: Any = None

    async def hop(self, event_id: UUID, *, verb: str | None, actor_id: int | None) -> Hop | None:
        """When the fact was inserted. Raises Transient."""
        bound = {"event_id": str(event_id), "verb": verb or "", "actor_id": actor_id or 0}
        rows = await asyncio.get_running_loop().run_in_executor(self._thread, self._rows, bound)
        if not rows:
            return None
        partition, offset, inserted_at = rows[0]
        at = inserted_at if inserted_at.tzinfo else inserted_at.replace(tzinfo=UTC)
        return Hop("clickhouse", at, ACTIVITY_PUBLISHED.name, partition, offset)

    def close(self) -> None:
        """Wait for nothing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _rows(self, bound: dict[str, object]) -> list[tuple[Any, ...]]:
        from clickhouse_connect.driver.exceptions import Error

        try:
            if self._client is None:
                self._client = self._connected()
            return list(self._client.query(SQL, parameters=bound).result_rows)
        except (Error, OSError) as error:
            self._client = None
            log.warning("clickhouse_away", reason=type(error).__name__)
            raise Transient("clickhouse is away") from error

    def _connected(self) -> Any:
        import clickhouse_connect

        url = urlsplit(self._url)
        return clickhouse_connect.get_client(
            host=url.hostname,
            port=url.port or 8123,
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            database=url.path.strip("/") or "default",
            secure=url.scheme == "https",
            connect_timeout=max(1, int(self._timeout_s)),
            send_receive_timeout=max(1, int(self._timeout_s)),
            query_retries=0,
            autogenerate_session_id=False,
            settings={"max_execution_time": max(1, int(self._timeout_s))},
        )
