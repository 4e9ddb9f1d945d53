"""The way to the store: a thin layer over clickhouse-connect that is the same for both kinds of store.

Rows go in as bytes of a ClickHouse format, results come out as tuples, numpy columns or a stream of bytes. Nothing is
tried again here: an insert that may or may not have happened is the caller's to judge. The driver is imported with the
first request (0.3 s, 30 MB), so that a process that never asks never pays.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from trackway.errors import ConfigError, StorageError
from trackway.store.request import READERS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from numpy.typing import NDArray
    from urllib3 import PoolManager

Parameters = Mapping[str, Any]

STREAM_PIECE_BYTES = 1 << 20
INSERT_BLOCK_BYTES = 256 * 1024
FAILURE_BYTES_MAX = 64 << 10

# ClickHouse's codes for "these rows cannot be parsed or stored", as opposed to trouble that passes.
_REFUSED = "6 25 26 27 32 33 34 38 41 43 53 69 70 72 117 128 131 190 321 349 376 407 441 467 469 675 676"
DATA_REFUSED_CODES = frozenset(map(int, _REFUSED.split()))

MEMORY_LIMIT_EXCEEDED = 241
"""ClickHouse's code when a query needs more memory than it may have."""
TIME_EXCEEDED_CODES = frozenset((159, 160))
"""The same for time."""

_CODE = re.compile(r"Code: (\d+)\.")


class StoreError(StorageError):
    """The store failed or was not reached. `code` is ClickHouse's error code, None when there was no answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DataRefused(StoreError):
    """An insert's rows themselves cannot be stored: trying the same rows again will fail again."""


class Store:
    """A ClickHouse at `http[s]://user:password@host:port/database`. Safe to share between threads.

    Timeouts are in seconds: `connect_timeout_s` to reach it, `answer_timeout_s` between two pieces of an answer, which
    for an insert is the time it takes. Every method raises StorageError.
    """

    def __init__(
        self, url: str, *, connect_timeout_s: int = 5, answer_timeout_s: int = 300, for_readers: bool = False
    ) -> None:
        self._url = url
        self._parts = _parsed(url)
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._query_settings = {"quota_key": READERS} if for_readers else {}
        self._client: Client | None = None
        self._pool: PoolManager | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Store({_without_password(self._parts.geturl())})"

    def for_readers(self, answer_timeout_s: int) -> "Store":
        """The same store for those who read pages and wait no longer than that for one. However much they ask at once,
        the queries of the loader and of health checks find a connection free."""
        return Store(
            self._url,
            connect_timeout_s=self._connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            for_readers=True,
        )

    def ping(self) -> None:
        """Return when the store answers queries with our credentials."""
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
        # Bytes are handed on as an iterable as well: the driver sends those it can rewind a second time.
        blocks = in_blocks((rows,) if isinstance(rows, bytes) else rows)
        wanted = {"max_partitions_per_insert_block": "0", **(settings or {})}
        with self._errors(refusable=True):
            summary = self._driver().raw_insert(table, list(columns), blocks, settings=wanted, fmt=format)
            return int(summary.written_rows)

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """All rows of a result of moderate size. `{name:Type}` in the text is bound to `parameters`."""
        with self._errors():
            found = self._driver().query(sql, parameters=dict(parameters or {}), settings=self._query_settings)
            return [tuple(row) for row in found.result_rows]

    def query_columns(self, sql: str, parameters: Parameters | None = None) -> "Iterator[list[NDArray[Any]]]":
        """A result of any size, block by block, each a list of numpy arrays, one for each column.

        For columns whose values have one width: FixedString(n) comes as dtype `V<n>`, integers and floats as
        themselves, dates and times as the integers they are stored as. Other types raise StorageError.
        """
        from trackway.store.columns import read_columns  # noqa: PLC0415  numpy is paid for by those who use it

        return read_columns(self.stream(sql, parameters, "Native"))

    def stream(
        self,
        sql: str,
        parameters: Parameters | None = None,
        format: str = "JSONEachRow",
        settings: Mapping[str, str] | None = None,
    ) -> Generator[bytes]:
        """The bytes of a result of any size in `format`, as they come. Closing the iterator stops the query.

        With `quota_key` READERS among the settings it takes none of the connections of streams that are not passed on.
        When the query fails on the way, StorageError is raised before the piece that holds the error's text.
        """
        with self._errors():
            response: Any = self._driver().raw_stream(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {}), fmt=format
            )
        tag = response.headers.get("X-ClickHouse-Exception-Tag")
        held = b""
        try:
            with self._errors():
                for piece in response.stream(STREAM_PIECE_BYTES):
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

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Carry out a statement that gives nothing back, such as DDL."""
        with self._errors():
            self._driver().command(sql, parameters=dict(parameters or {}))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def _driver(self) -> "Client":
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> "Client":
        import clickhouse_connect  # noqa: PLC0415  lazily, see the module's docstring
        from clickhouse_connect.driver.httputil import get_pool_manager  # noqa: PLC0415

        parts = self._parts
        # The driver obeys HTTP_PROXY; our own store on this machine must never be sought behind a proxy.
        near = _is_loopback(parts.hostname or "")
        self._pool = get_pool_manager() if near else None
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")) or "default",
            compress=False,
            query_retries=0,
            connect_timeout=self._connect_timeout_s,
            send_receive_timeout=self._answer_timeout_s,
            autogenerate_session_id=False,
            pool_mgr=self._pool,
            dedicated_pool=not near,
        )

    @contextmanager
    def _errors(self, *, refusable: bool = False) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except Error as error:
            code = getattr(error, "code", None)
            kind = DataRefused if refusable and code in DATA_REFUSED_CODES else StoreError
            raise kind(f"store: {error}", code) from error
        except (HTTPError, OSError) as error:
            raise StoreError(f"store: connection failed: {error}") from error


def _parsed(url: str) -> SplitResult:
    with suppress(ValueError):  # a port that is no number
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
    """The error ClickHouse wrote at the end of a stream it had to break off, if it did."""
    marker = b"__exception__\r\n" + (tag or "").encode() + b"\r\n"
    if tag is None or marker not in piece[-FAILURE_BYTES_MAX:]:
        return None
    text = piece.rpartition(marker)[2].decode(errors="replace")
    match = _CODE.search(text)
    return StoreError(f"store: {text.splitlines()[0]}", int(match.group(1)) if match else None)


def in_blocks(rows: Iterable[bytes]) -> Generator[bytes, None, None]:
    """The same bytes in pieces worth a system call each: a batch of single events is thousands of small ones."""
    gathered: list[bytes] = []
    size = 0
    for piece in rows:
        gathered.append(piece)
        size += len(piece)
        if size >= INSERT_BLOCK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:…@{tail}" if at and ":" in head.partition("//")[2] else url
