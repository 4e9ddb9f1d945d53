import asyncio
import socket
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.support.store.process import PASSWORD, RunningStore
from trackway.domain.errors import ConfigError, StorageError
from trackway.store.client import Store, in_blocks
from trackway.store.errors import DataRefused, StoreError
from trackway.store.limits import INSERT_PIECE_BYTES

HOSTILE = "a'b\"c\\d`e\n\t{x:String} ; DROP TABLE t -- /* ü €\U0001f600"


def rows(count: int, start: int = 0) -> bytes:
    return b"".join(b"%016d" % n + n.to_bytes(8, "little") for n in range(start, start + count))


def test_inserted_rows_are_counted_and_come_back(store: Store, table: str) -> None:
    assert store.insert_rows(table, ["key", "number"], rows(1000)) == 1000
    assert store.insert_rows(table, ["number", "key"], b"5" + bytes(7) + b"k" * 16) == 1
    assert store.query(f"SELECT count(), max(number) FROM {table}") == [(1001, 999)]


def test_rows_may_come_in_pieces_cut_anywhere(store: Store, table: str) -> None:
    data = rows(20_000)
    pieces = (data[at : at + 1013] for at in range(0, len(data), 1013))
    assert store.insert_rows(table, ["key", "number"], pieces) == 20_000
    assert store.query(f"SELECT sum(number) FROM {table}") == [(sum(range(20_000)),)]


def test_store_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://trackway:x@127.0.0.1:{silent.getsockname()[1]}/default"
        with closing(Store(url, answer_timeout_s=1)) as store, pytest.raises(StorageError):
            store.ping()


def test_an_event_loop_never_waits_for_the_store(store: Store) -> None:
    stream = store.stream("SELECT number FROM numbers(1000000)", format="TSV")
    assert next(stream)

    async def wait() -> None:
        for ask in (
            store.ping,
            lambda: store.command("SELECT 1"),
            lambda: next(stream),
            lambda: next(store.stream("SELECT 1")),
        ):
            with pytest.raises(AssertionError, match="ask by a Reader"):
                ask()

    asyncio.run(wait())


def test_a_percent_sign_is_one_whether_parameters_are_named_or_not(store: Store) -> None:
    parameters = {"project": 7}
    assert store.query("SELECT 9 % 4 AS `a%`", parameters) == [(1,)]
    assert store.query("SELECT 9 % 4 AS `a%`, {project:UInt32}", parameters) == [(1, 7)]
    assert b"".join(store.stream("SELECT 9 % 4", parameters, "TSV")) == b"1\n"


def test_a_search_by_an_index_hides_no_rows_from_later_queries(store: Store) -> None:
    """As the engine does by itself in 26.5.1 (findings/rows-lost-to-the-condition-cache.sh)."""
    store.command(
        "CREATE TABLE searched (project UInt32, position UInt64, INDEX p position TYPE minmax GRANULARITY 1)"
        " ENGINE = MergeTree ORDER BY project"
    )
    store.command("INSERT INTO searched SELECT 7, number FROM numbers(30)")
    assert store.query("SELECT position FROM searched PREWHERE project = 7 WHERE position >= 1000") == []
    assert store.query("SELECT count() FROM (SELECT position FROM searched WHERE project = 7)") == [(30,)]


def test_no_rows_are_no_error(store: Store, table: str) -> None:
    assert store.insert_rows(table, ["key", "number"], b"") == 0
    assert store.insert_rows(table, ["key", "number"], []) == 0


def test_column_left_out_gets_its_default(store: Store) -> None:
    store.command("CREATE TABLE defaulted (a UInt8, b String DEFAULT concat('d', toString(a))) ENGINE = Memory")
    store.insert_rows("defaulted", ["a"], b"\x07")
    store.insert_rows("defaulted", ["a", "b"], b'{"a": 8}\n{"a": 9, "b": "x"}\n', "JSONEachRow")
    assert store.query("SELECT a, b FROM defaulted ORDER BY a") == [(7, "d7"), (8, "d8"), (9, "x")]


def test_parameters_are_bound_and_never_pasted(store: Store) -> None:
    sql = "SELECT {text:String}, {number:UInt32}, {list:Array(String)}, {at:DateTime64(6, 'UTC')}"
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    (row,) = store.query(sql, {"text": HOSTILE, "number": 7, "list": [HOSTILE, "2"], "at": at})
    assert row[:3] == (HOSTILE, 7, [HOSTILE, "2"])
    with pytest.raises(StoreError) as refused:
        store.query("SELECT {number:UInt32}", {"number": "1 OR 1"})
    assert refused.value.code == 457


def test_each_character_arrives_as_it_is(store: Store) -> None:
    text = "".join(map(chr, range(0x180))) + "\\n\\\\t\\N\U0001f600"
    assert store.query("SELECT {text:String}", {"text": text}) == [(text,)]
    assert store.query("SELECT {text:String}", {"text": "\\N"}) == [("\\N",)]


def test_long_parameters_arrive_whole(store: Store) -> None:
    many = [f"{HOSTILE}{n}" for n in range(3000)]
    sql = "SELECT length({list:Array(String)}), {list:Array(String)}[3000], {text:String}"
    assert store.query(sql, {"list": many, "text": HOSTILE * 100}) == [(3000, many[-1], HOSTILE * 100)]


def test_binary_keys_can_be_looked_up(store: Store, table: str) -> None:
    keys = [bytes([n, 0, 39, 92, 10, 255]) + bytes(10) for n in range(200)]
    store.insert_rows(table, ["key", "number"], b"".join(key + b"\1" + bytes(7) for key in keys))
    sql = f"SELECT count() FROM {table} WHERE key IN {{keys:Array(FixedString(16))}}"
    assert store.query(sql, {"keys": keys}) == [(200,)]


def test_columns_come_as_arrays(store: Store, table: str) -> None:
    store.insert_rows(table, ["key", "number"], rows(300_000))
    total, joined = 0, b""
    for keys, numbers in store.query_columns(f"SELECT key, number FROM {table} ORDER BY number"):
        total += int(numbers.sum())
        joined += keys.tobytes()
    assert total == sum(range(300_000))
    assert joined == b"".join(b"%016d" % n for n in range(300_000))
    assert list(store.query_columns(f"SELECT number FROM {table} WHERE number > 300000")) == []


def test_stream_gives_the_bytes_of_the_format(store: Store) -> None:
    data = b"".join(store.stream("SELECT number AS n FROM numbers({n:UInt64})", {"n": 200_000}, "JSONEachRow"))
    assert data == b"".join(b'{"n":%d}\n' % n for n in range(200_000))
    assert b"".join(store.stream("SELECT 1 WHERE 0", format="TSV")) == b""


def test_format_that_cannot_be_streamed_comes_whole(store: Store) -> None:
    data = b"".join(store.stream("SELECT number FROM numbers(200000)", format="CSVWithNames"))
    assert data.count(b'"number"') == 1
    assert data.count(b"\n") == 200_001


def test_error_in_the_middle_of_a_stream_is_raised(store: Store) -> None:
    stream = store.stream("SELECT throwIf(number = 900000, 'far in') FROM numbers(1000000)", format="TSV")
    with pytest.raises(StoreError, match="far in") as failed:
        for piece in stream:
            assert piece.strip(b"0\n") == b""
    assert failed.value.code == 395


@pytest.mark.parametrize(("sql", "code"), [("SELEC 1", 62), ("SELECT nope", 47), ("SELECT * FROM nope", 60)])
def test_error_carries_the_clickhouse_code(store: Store, sql: str, code: int) -> None:
    for attempt in (lambda: store.query(sql), lambda: store.command(sql), lambda: list(store.stream(sql))):
        with pytest.raises(StoreError) as failed:
            attempt()
        assert failed.value.code == code
        assert not isinstance(failed.value, DataRefused)


@pytest.mark.parametrize(
    ("format_", "bad"), [("RowBinary", rows(10)[:-1]), ("JSONEachRow", b'{"number": "x"}'), ("CSV", b'"abc",1,2,3\n')]
)
def test_rows_that_cannot_be_stored_are_told_from_trouble(store: Store, table: str, format_: str, bad: bytes) -> None:
    with pytest.raises(DataRefused):
        store.insert_rows(table, ["key", "number"], bad, format_)
    assert store.query(f"SELECT count() FROM {table}") == [(0,)]
    with pytest.raises(StoreError) as missing:
        store.insert_rows("nope", ["key"], b"")
    assert not isinstance(missing.value, DataRefused)
    assert missing.value.code == 60


def test_violated_constraint_is_data_refused(store: Store) -> None:
    store.command("CREATE TABLE constrained (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = Memory")
    with pytest.raises(DataRefused):
        store.insert_rows("constrained", ["a"], b"\x0b")


def test_wrong_password_is_an_error_that_says_so(running: RunningStore) -> None:
    with pytest.raises(StoreError, match="authentication failed") as refused:
        Store(f"http://trackway:wrong@127.0.0.1:{running.port}/default").ping()
    assert refused.value.code == 516


def test_password_is_never_shown(running: RunningStore) -> None:
    assert PASSWORD not in repr(Store(running.url))
    assert "word" not in repr(Store(running.url))
    with pytest.raises(ConfigError) as refused:
        Store("ftp://user:secret@host")
    assert "secret" not in str(refused.value)


def test_store_on_this_machine_is_not_sought_behind_a_proxy(
    running: RunningStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    store = Store(running.url)
    store.ping()
    store.close()


@pytest.mark.parametrize("url", ["http://host:port/db", "http://host:99999/db", "http:///db", "host:8123"])
def test_url_that_names_no_server_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="store url must be"):
        Store(url)


def test_store_that_is_down_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        Store("http://trackway:x@127.0.0.1:1/default", connect_timeout_s=1).ping()


def test_other_database_of_the_url_is_used(running: RunningStore, store: Store) -> None:
    store.command("CREATE DATABASE IF NOT EXISTS `an ``other`")
    other = Store(running.url.removesuffix("default") + "an%20%60other")
    other.command("CREATE TABLE here (a UInt8) ENGINE = Memory")
    other.insert_rows("here", ["a"], b"\x01")
    assert other.query("SELECT currentDatabase(), a FROM here") == [("an `other", 1)]
    assert store.query("SELECT currentDatabase()") == [("default",)]
    other.close()


def test_small_pieces_are_sent_in_blocks_and_none_is_lost() -> None:
    pieces = [bytes([number % 256]) * (number % 5000) for number in range(1000)]
    blocks = list(in_blocks(iter(pieces)))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(INSERT_PIECE_BYTES <= len(block) < INSERT_PIECE_BYTES + 5000 for block in blocks[:-1])
