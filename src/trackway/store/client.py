"""The blocking client of the store: a thin layer over clickhouse-connect, the same for both kinds of store.

It is for threads. Event loops use `reader`, the only part of the client that `query`, `edge` and `web` import. Rows go
in as bytes of a ClickHouse format; results come out as tuples, numpy columns or a stream of bytes. Nothing is retried
here: the caller decides about an insert whose result is unknown. The driver is imported at the first request (0.3 s, 30
MB), so a process without requests does not pay for it.
"""

import asyncio
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

from trackway.domain.errors import ConfigError
from trackway.store.cluster import Cluster
from trackway.store.errors import DATA_REFUSED_CODES, DataRefused, StoreError
from trackway.store.limits import FAILURE_BYTES_MAX, INSERT_PIECE_BYTES, STREAM_PIECE_BYTES
from trackway.store.spool import ROWS_FILE, Spool
from trackway.store.workload import LOADER, Workload

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from numpy.typing import NDArray
    from urllib3 import PoolManager

Parameters = Mapping[str, Any]


# Indexes are looked at before all reading. Otherwise the engine remembers for one condition what the index of another
# left out, and later queries miss rows (findings/rows-lost-to-the-condition-cache.sh).
_ALWAYS = {"use_skip_indexes_on_data_read": "0"}
# A client that leaves ends its query; the embedded store does so by itself. A ClickHouse server heeds the first setting
# only for queries that may change nothing, which a POST says by the second: 2, so that a query may still have settings.
_READING = {"cancel_http_readonly_queries_on_client_close": "1", "readonly": "2"}
_CODE = re.compile(r"Code: (\d+)\.")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "'": "\\'", "\0": "\\0"}
"""The backslash comes first: the others make more of them."""


class Store:
    """A ClickHouse at `http[s]://user:password@host:port/database`. Safe to share between threads.

    With `?cluster=NAME` at its end the URL names a node of a cluster; any node will do.
    Every query names the `workload` and no project, unless its settings say more. Timeouts are in seconds:
    `connect_timeout_s` to reach the store, `answer_timeout_s` between two pieces of an answer, for an insert its whole
    time. Every method blocks and raises StorageError. `spool`: of a store on this machine, which then reads the rows of
    inserts from files.
    """

    def __init__(
        self,
        url: str,
        *,
        workload: Workload = LOADER,
        connect_timeout_s: int = 5,
        answer_timeout_s: int | None = None,
        spool: Spool | None = None,
    ) -> None:
        self.url = url
        self._spool = spool
        self._parts = _parsed(url)
        self._workload = workload
        self.cluster = Cluster.of_url(self._parts)
        """The cluster that the server is a node of, if it is to be used as one."""
        # An external server accepts both too, ignores the key, and sets a niceness if its process may.
        self._named = {
            "quota_key": workload.quota_key(0),
            "os_threads_nice_value_query": str(workload.nice),
            **_ALWAYS,
            **(self.cluster.settings(workload) if self.cluster else {}),
        }
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s or workload.answer_s_max
        self._client: Client | None = None
        self._pool: PoolManager | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Store({_without_password(self._parts.geturl())})"

    def holding(self, table: str) -> str:
        """What holds the rows of a table, as ALTER, TRUNCATE and OPTIMIZE name it."""
        return self.cluster.holding(table) if self.cluster else table

    @property
    def shards(self) -> str:
        """The database of the tables of a cluster's shards, '' on one machine."""
        return self.cluster.shards if self.cluster else ""

    def ping(self) -> None:
        """Return when the store answers queries with these credentials."""
        self.query("SELECT 1")

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        """Insert rows encoded in `format`, in the order of `columns`; at return they are durable. Returns their number.

        Raises DataRefused when the rows themselves are at fault. After any other StorageError the insert may have
        happened or not.
        """
        pieces = (rows,) if isinstance(rows, bytes) else rows
        wanted = {**self._named, "max_partitions_per_insert_block": "0", **(settings or {})}
        into = partial(self._driver_insert, table, list(columns), settings=wanted, fmt=format)
        with self._errors(refusable=True):
            if self._spool is None:
                # Bytes are passed as an iterable too: the driver would send bytes that it can rewind a second time.
                return into(in_blocks(pieces))
            with self._spool.rows(pieces) as name:
                return into(iter(()), transport_settings={ROWS_FILE: name})

    def _driver_insert(self, *to: Any, **how: Any) -> int:
        return int(self._driver().raw_insert(*to, **how).written_rows)

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """All rows of a result of moderate size. `{name:Type}` in the text is bound to `parameters`."""
        with self._errors():
            found = self._driver().query(self._statement(sql), parameters=_bound(sql, parameters), settings=self._named)
            return [tuple(row) for row in found.result_rows]

    def query_columns(self, sql: str, parameters: Parameters | None = None) -> "Iterator[list[NDArray[Any]]]":
        """A result of any size, block by block; a block is a list of numpy arrays, one for each column.

        For columns of a fixed width: FixedString(n) becomes dtype `V<n>`, integers and floats stay, dates and times
        become the integers that store them. Other types raise StorageError.
        """
        from trackway.store.native_arrays import read_columns  # noqa: PLC0415  numpy is paid for by those who use it

        return read_columns(self.stream(sql, parameters, "Native"))

    def stream(
        self,
        sql: str,
        parameters: Parameters | None = None,
        format: str = "JSONEachRow",
        settings: Mapping[str, str] | None = None,
    ) -> Generator[bytes]:
        """The bytes of a result of any size in `format`, as they arrive. The query must change nothing. Closing the
        iterator stops it.

        If the query fails midway, StorageError is raised before the piece that contains the error's text.
        """
        with self._errors():
            response: Any = self._driver().raw_stream(
                self._statement(sql),
                parameters=_bound(sql, parameters),
                settings=self._named | _READING | dict(settings or {}),
                fmt=format,
            )
        tag = response.headers.get("X-ClickHouse-Exception-Tag")
        held = b""
        try:
            with self._errors():
                for piece in _read_in_a_thread(response.stream(STREAM_PIECE_BYTES)):
                    if held:
                        yield held
                    held = piece
        except StoreError as error:
            raise _failure_in(held, tag) or error from None
        finally:
            response.close()
        if failure := _failure_in(held, tag):
            raise failure
        if held:
            yield held

    def command(
        self,
        sql: str,
        parameters: Parameters | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Run a statement without a result, such as DDL."""
        wanted = self._named | dict(settings or {})
        with self._errors():
            self._driver().command(self._statement(sql), parameters=_bound(sql, parameters), settings=wanted)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def _statement(self, sql: str) -> str:
        return self.cluster.statement(sql) if self.cluster else sql

    def _driver(self) -> "Client":
        _must_be_a_thread()
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> "Client":
        import clickhouse_connect  # noqa: PLC0415  lazily, see the module's docstring
        from clickhouse_connect.driver.httputil import get_pool_manager  # noqa: PLC0415

        from trackway.store.call import make_endable  # noqa: PLC0415
        from trackway.store.diagnosis import database_of, port_of  # noqa: PLC0415

        parts = self._parts
        # The driver obeys HTTP_PROXY; the embedded store must never be reached through a proxy.
        near = _is_loopback(parts.hostname or "")
        self._pool = get_pool_manager() if near else None
        client = clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=port_of(parts),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=database_of(parts),
            compress=False,
            query_retries=0,
            connect_timeout=self._connect_timeout_s,
            send_receive_timeout=self._answer_timeout_s,
            autogenerate_session_id=False,
            pool_mgr=self._pool,
            dedicated_pool=not near,
        )
        make_endable(cast(Any, client).http)
        return client

    @contextmanager
    def _errors(self, *, refusable: bool = False) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except (Error, HTTPError, OSError) as error:
            from trackway.store.diagnosis import diagnosis  # noqa: PLC0415  # as the driver

            code = getattr(error, "code", None)
            kind = DataRefused if refusable and code in DATA_REFUSED_CODES else StoreError
            raise kind(diagnosis(error, self._parts, self._answer_timeout_s), code) from error


class _Text:
    """A text that is escaped already: the driver takes the `str` of what it does not know."""

    def __init__(self, escaped: str) -> None:
        self._escaped = escaped

    def __str__(self) -> str:
        return self._escaped


def _bound(sql: str, parameters: Parameters | None) -> dict[str, Any]:
    """The parameters that a statement names. Where it names none of those given, the driver takes each `%` of the
    statement for a place to fill. The driver would escape a text one character after the other."""
    named = {name: value for name, value in (parameters or {}).items() if f"{{{name}:" in sql}
    return {name: _Text(_escaped(value)) if type(value) is str else value for name, value in named.items()}


def _escaped(text: str) -> str:
    """A text as the value of a parameter: as in a tab-separated file."""
    for character, code in _ESCAPES.items():
        text = text.replace(character, code)
    return text


def _must_be_a_thread() -> None:
    """Fail where an event loop runs: the call would block it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise AssertionError("the store's client blocks, and this thread runs an event loop: ask by a Reader")


def _read_in_a_thread(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; reading them fails in an event loop."""
    while piece := next(pieces, b""):
        yield piece
        _must_be_a_thread()


def _parsed(url: str) -> SplitResult:
    with suppress(ValueError):  # a malformed port
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    shown = _without_password(url)
    raise ConfigError(f"store url must be http[s]://user:password@host:port/database, not {shown}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failure_in(piece: bytes, tag: str | None) -> StoreError | None:
    """The error that ClickHouse wrote at the end of a broken stream, if any."""
    marker = b"__exception__\r\n" + (tag or "").encode() + b"\r\n"
    if tag is None or marker not in piece[-FAILURE_BYTES_MAX:]:
        return None
    text = piece.rpartition(marker)[2].decode(errors="replace")
    match = _CODE.search(text)
    return StoreError(f"store: {text.splitlines()[0]}", int(match.group(1)) if match else None)


def in_blocks(rows: Iterable[bytes]) -> Generator[bytes, None, None]:
    """The same bytes in larger pieces, to save system calls: a batch of single events is thousands of small ones."""
    gathered: list[bytes] = []
    size = 0
    for piece in rows:
        gathered.append(piece)
        size += len(piece)
        if size >= INSERT_PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:…@{tail}" if at and ":" in head.partition("//")[2] else url
