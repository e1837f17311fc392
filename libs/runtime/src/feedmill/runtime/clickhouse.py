"""ClickHouse for the HTTP services: typed questions over kept connections, in a few threads, behind a circuit.

Parameters are bound (`{name:Type}` in the SQL), rows come as JSON and are decoded into a msgspec type. While ClickHouse
is known to be away every call raises StoreAway at once, but one that tries, twice a second.
"""

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Final, Protocol, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from feedmill.runtime import logs
from feedmill.runtime.kept_connection import Answer, KeptConnection
from feedmill.runtime.postgres import StoreAway
from feedmill.runtime.settings import ClickHouseSettings

Value = str | int | float | Sequence[str] | Sequence[int]
RowT = TypeVar("RowT")
AnswerT = TypeVar("AnswerT")

PROBE_S: Final = 0.5
BUSY: Final = frozenset({159, 160, 202, 203, 209, 210, 241, 242, 252, 279, 999})
"""Codes that say "not now": time or memory is up, too many queries, the network."""
NOT_SET_UP: Final = frozenset({60, 81, 192, 193, 194, 497, 516})
"""No such table or database yet, no such user or access: an operator mends it, the readers go on meanwhile."""
CODE: Final = "X-ClickHouse-Exception-Code"
_CODE: Final = CODE.lower().encode()
_SHAPE: Final = {
    "default_format": "JSONEachRow",
    "wait_end_of_query": "1",  # so that a failure is never a 200
    "buffer_size": "65536",  # where it waits: a megabyte, as without this, costs each small answer half a millisecond
    "output_format_parallel_formatting": "0",  # threads for answers of megabytes: 0.3 ms of each small one
    "output_format_json_quote_64bit_integers": "0",
    "date_time_output_format": "iso",
}
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "'": "\\'"})

log = logs.get("feedmill.clickhouse")


class QueryFailed(Exception):
    """ClickHouse will never answer this question: a bug of ours. The message is its first line."""


class Ask(Protocol):
    """ClickHouse.ask."""

    def __call__(self, sql: str, row: type[RowT], bound: Mapping[str, Value]) -> list[RowT]: ...


class ClickHouse:
    """Connects when first asked. `close` waits for nothing."""

    def __init__(
        self, settings: ClickHouseSettings, *, application: str, threads: int = 4, timeout_s: float = 5.0
    ) -> None:
        url = urlsplit(settings.url.get_secret_value())
        self._host, self._port = url.hostname or "", url.port or 8123
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._headers = _header_lines(
            {
                "Host": f"{self._host}:{self._port}",
                "X-ClickHouse-User": unquote(url.username or "default"),
                "X-ClickHouse-Key": unquote(url.password or ""),
                "X-ClickHouse-Database": url.path.strip("/") or "default",
                "User-Agent": application,
            }
        )
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(threads, "clickhouse")
        self._idle: deque[KeptConnection] = deque()
        self._circuit = threading.Lock()
        self._away_until_s = 0.0
        self.up = True

    async def fetch(self, sql: str, row: type[RowT], bound: Mapping[str, Value], *, timeout_s: float = 0) -> list[RowT]:
        """All rows, each as `row` says. Raises StoreAway (away, too slow, too much), QueryFailed."""
        ask = partial(self.ask, sql, row, bound, timeout_s)
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def answer(self, questions: Callable[[Ask], AnswerT]) -> AnswerT:
        """What `questions` makes of several answers, all asked in one thread: one way there and back, not one each.

        Raises as `fetch` does.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, questions, self.ask)

    async def poll(self, sql: str, *, silent_s: float) -> list[dict[str, str | int]]:
        """All rows, for the one task that asks all the time, always the same. Raises StoreAway, whatever is wrong: a
        broken disk or a query killed by an operator may not end a process that feeds do without.
        """
        try:
            return await self.fetch(sql, dict[str, str | int], {}, timeout_s=silent_s)
        except QueryFailed as error:
            self._lost(str(error))
            raise StoreAway("clickhouse cannot say how far it is") from error

    def ask(self, sql: str, row: type[RowT], bound: Mapping[str, Value], timeout_s: float = 0) -> list[RowT]:
        """As `fetch`, in the caller's thread."""
        self._pass_circuit()
        timeout_s = timeout_s or self._timeout_s
        settings = {**_SHAPE, "max_execution_time": str(max(1, round(timeout_s)))}
        parameters = {f"param_{name}": written(value) for name, value in bound.items()}
        try:
            body = self._exchange(self._request(settings | parameters, sql.encode()), timeout_s + 1)
        except OSError as error:
            self._lost(type(error).__name__)
            raise StoreAway("clickhouse is away") from error
        self.up = True
        return list(msgspec.json.Decoder(row).decode_lines(body))

    def _pass_circuit(self) -> None:
        with self._circuit:
            if self.up:
                return
            if monotonic() < self._away_until_s:
                raise StoreAway("clickhouse is away")
            self._away_until_s = monotonic() + PROBE_S  # this one tries, the others do not wait

    def _lost(self, reason: str) -> None:
        if self.up:
            log.warning("clickhouse_away", reason=reason)
        self.up, self._away_until_s = False, monotonic() + PROBE_S

    def _request(self, parameters: Mapping[str, str], sql: bytes) -> bytes:
        return (
            f"POST /?{urlencode(parameters)} HTTP/1.1\r\nContent-Length: {len(sql)}\r\n".encode() + self._headers + sql
        )

    def _exchange(self, request: bytes, timeout_s: float) -> bytearray:
        answer = self._answered(request, timeout_s)
        code = int(answer.headers.get(_CODE, 0))
        if answer.status == 200 and not code:
            return answer.body
        said = answer.body.decode("utf-8", "replace").partition("\n")[0][:300]
        if code in BUSY or code in NOT_SET_UP or answer.status >= 502:
            raise StoreAway(f"clickhouse refuses for now: {code}")
        raise QueryFailed(said)

    def _answered(self, request: bytes, timeout_s: float) -> Answer:
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._kept(self._new(timeout_s), request, timeout_s)
        try:
            return self._kept(connection, request, timeout_s)
        except ConnectionError:  # it was closed while idle: asking again changes nothing
            return self._kept(self._new(timeout_s), request, timeout_s)

    def _kept(self, connection: KeptConnection, request: bytes, timeout_s: float) -> Answer:
        try:
            answer = connection.exchange(request, timeout_s)
        except BaseException:
            connection.close()
            raise
        if answer.may_be_kept:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _new(self, timeout_s: float) -> KeptConnection:
        return KeptConnection(self._host, self._port, timeout_s=timeout_s, tls=self._tls)

    def close(self) -> None:
        """Wait for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._idle:
            self._idle.pop().close()


def _header_lines(headers: Mapping[str, str]) -> bytes:
    """The last ones of a request. Raises ValueError where a value would end its line."""
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"{name} holds a line break")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") + b"\r\n"


def written(value: Value) -> str:
    """As ClickHouse reads a bound parameter: tab-separated escaping for a text, brackets for an array."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, int | float):
        return str(value)
    texts = ["'" + each.translate(_ESCAPES) + "'" if isinstance(each, str) else str(each) for each in value]
    return f"[{','.join(texts)}]"
