import gzip
import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.store.process import PASSWORD, RunningStore
from trackway.embedded.query_request import USER
from trackway.store.client import Store
from trackway.store.errors import DataRefused
from trackway.store.spool import ROWS_FILE, Spool
from trackway.store.workload import LOADER, REPORTS

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def driver(running: RunningStore) -> Iterator[Client]:
    """The driver as anybody would make it: compression on, a session id sent."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=running.port, username=USER, password=PASSWORD)
    yield client
    client.close()


def ask(
    running: RunningStore,
    body: bytes = b"",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
    **url: str,
) -> Answer:
    url |= settings or {}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    keys = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    connection.request(method, f"/?{urlencode(url)}", body, keys | (headers or {}))
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def test_driver_works_with_its_defaults(driver: Client) -> None:
    driver.command("DROP TABLE IF EXISTS driven")
    columns = "a UInt32, b LowCardinality(String), c Array(Nullable(String)), d Map(String, Float64)"
    driver.command(f"CREATE TABLE driven ({columns}) ENGINE = MergeTree ORDER BY a")
    data = [[n, f"name {n % 7}", ["x", None], {"k": n / 2}] for n in range(5000)]
    assert driver.insert("driven", data, ["a", "b", "c", "d"]).written_rows == 5000
    assert [list(row) for row in driver.query("SELECT * FROM driven ORDER BY a").result_rows] == data
    assert driver.query("SELECT * FROM driven WHERE a > 5000").column_names == ("a", "b", "c", "d")
    assert driver.query("SELECT * FROM driven LIMIT 0").column_names == ("a", "b", "c", "d")
    assert driver.command("SELECT count() FROM driven") == 5000
    assert json.loads(driver.raw_query("SELECT max(a) AS m FROM driven", fmt="JSON"))["data"] == [{"m": 4999}]
    with driver.query_row_block_stream("SELECT a FROM driven ORDER BY a") as blocks:
        assert [row[0] for block in blocks for row in block] == list(range(5000))
    assert driver.query_np("SELECT a FROM driven ORDER BY a").sum() == sum(range(5000))


def test_a_client_of_ours_pays_for_no_names_of_an_empty_result(driver: Client) -> None:
    nothing = "SELECT number AS a FROM numbers(5) WHERE number > 5"
    assert driver.query(nothing).column_names == ("a",)
    ours = driver.query(nothing, settings={"quota_key": LOADER.quota_key(0)})
    assert (ours.column_names, ours.result_rows) == ((), [])


@pytest.mark.parametrize("compression", [None, "gzip", "lz4", "zstd"])
def test_driver_may_compress_what_it_inserts(driver: Client, compression: str | None) -> None:
    pack = {None: bytes, "gzip": gzip.compress, "lz4": lz4.frame.compress, "zstd": zstd.compress}[compression]
    driver.command("CREATE OR REPLACE TABLE packed (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
    block = pack(b"".join(b"%d\t%d\n" % (n, n) for n in range(50_000)))
    driver.raw_insert("packed", ["a", "b"], block, fmt="TSV", compression=compression)
    assert driver.query("SELECT count(), sum(a) FROM packed").result_rows == [(50_000, sum(range(50_000)))]


def test_driver_sees_an_error_in_the_middle_of_a_stream(driver: Client) -> None:
    sql = "SELECT throwIf(number = 900000) AS n FROM numbers(1000000)"
    with (
        pytest.raises(DatabaseError, match="FUNCTION_THROW_IF"),
        driver.query_column_block_stream(sql) as blocks,
    ):
        for _ in blocks:
            pass


def test_a_report_beside_another_has_its_share_of_the_cores(running: RunningStore) -> None:
    def threads() -> bytes:
        return ask(running, b"SELECT getSetting('max_threads')", quota_key=REPORTS.quota_key(1))[2]

    cores = len(os.sched_getaffinity(0))
    assert threads() == b"%d\n" % cores
    with ThreadPoolExecutor(1) as other:
        running_beside = other.submit(ask, running, b"SELECT sleep(2)", quota_key=REPORTS.quota_key(2))
        found = {threads()}
        while not running_beside.done():
            found.add(threads())
        assert running_beside.result()[0] == 200
    assert found <= {b"%d\n" % cores, b"%d\n" % max(1, cores // 2)}
    assert b"%d\n" % max(1, cores // 2) in found
    assert threads() == b"%d\n" % cores


def test_settings_of_one_request_do_not_reach_the_next(running: RunningStore) -> None:
    sql = b"SELECT getSetting('max_threads'), getSetting('join_use_nulls')"
    before = ask(running, sql)[2]
    assert ask(running, sql, max_threads="7", join_use_nulls="1")[2] == b"7\ttrue\n"
    assert [ask(running, sql)[2] for _ in range(5)] == [before] * 5


@pytest.mark.parametrize(
    "name", ["max_server_memory_usage", "allow_ddl", "max_table_size_to_drop", "user_files_path", "x = 1, y"]
)
def test_setting_that_is_not_listed_is_refused(running: RunningStore, name: str) -> None:
    status, headers, text = ask(running, b"SELECT 1", settings={name: "1"})
    assert (status, headers["x-clickhouse-exception-code"]) == (400, "115")
    assert b"UNKNOWN_SETTING" in text


def test_value_of_a_setting_cannot_break_out(running: RunningStore) -> None:
    status, _, _ = ask(running, b"SELECT 1", max_threads="1'; DROP TABLE x --")
    assert status == 400
    assert ask(running, b"SELECT 1")[2] == b"1\n"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"SELEC 1", 400, 62),
        (b"", 400, 62),
        (b"SELECT * FROM nope", 404, 60),
        (b"SELECT * FROM file('/etc/passwd')", 403, 497),
        (b"SET max_threads = 1", 501, 48),
        (b"SELECT '\xff\xfe", 400, 36),
        (b"SELECT {a:UInt8}", 400, 456),
    ],
)
def test_error_has_the_status_and_the_code(running: RunningStore, body: bytes, status: int, code: int) -> None:
    got, headers, text = ask(running, body)
    assert (got, headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert text.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_text_may_come_in_url_and_body(running: RunningStore) -> None:
    assert ask(running, method="GET", query="SELECT 1")[2] == b"1\n"
    assert ask(running, b"+ 1", query="SELECT 1")[2] == b"2\n"
    assert ask(running, b"SELECT 1", default_format="JSONEachRow")[2] == b'{"1":1}\n'
    assert ask(running, b"SELECT {x:UInt8}", param_x="5")[2] == b"5\n"
    assert ask(running, b"SELECT 'a' AS x FORMAT JSONEachRow /* end */ ;\n")[2] == b'{"x":"a"}\n'


def test_get_changes_nothing(running: RunningStore) -> None:
    status, headers, _ = ask(running, method="GET", query="CREATE TABLE got (a UInt8) ENGINE = Memory")
    assert (status, headers["x-clickhouse-exception-code"]) == (403, "164")


def test_insert_in_one_body_and_with_the_statement_in_the_url(running: RunningStore, table: str, store: Store) -> None:
    row = b"k" * 16 + bytes(8)
    assert ask(running, b"INSERT INTO %b FORMAT RowBinary\n" % table.encode() + row)[0] == 200
    assert ask(running, row * 9000, query=f"INSERT INTO {table} (key, number) FORMAT RowBinary")[0] == 200
    assert ask(running, f"INSERT INTO {table} VALUES ('a', 1), ('b', 1 + 1)".encode())[0] == 200
    packed = gzip.compress(b"INSERT INTO %b FORMAT RowBinary\n" % table.encode() + row)
    assert ask(running, packed, headers={"Content-Encoding": "gzip"})[0] == 200
    assert store.query(f"SELECT count(), max(number) FROM {table}") == [(9004, 2)]


def test_spool_is_empty_after_inserts_good_and_bad(running: RunningStore, table: str, spool: Path) -> None:
    ask(running, b"k" * 24, query=f"INSERT INTO {table} FORMAT RowBinary")
    assert ask(running, b"k" * 23, query=f"INSERT INTO {table} FORMAT RowBinary")[0] == 400
    assert ask(running, b"k" * 300_000, query="INSERT INTO nope FORMAT RowBinary")[0] == 404
    broken = {"Content-Encoding": "gzip"}
    assert (
        ask(running, gzip.compress(b"k" * 24)[:-1], headers=broken, query=f"INSERT INTO {table} FORMAT CSV")[0] == 400
    )
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-ClickHouse-Key": "wrong"}, 403),
        ({"X-ClickHouse-User": "default"}, 403),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Basic dHJhY2t3YXk6d3Jvbmc="}, 403),
    ],
)
def test_wrong_credentials_get_nothing(running: RunningStore, headers: dict[str, str], status: int) -> None:
    got, answer, _ = ask(running, b"SELECT 1", headers=headers)
    assert (got, answer["x-clickhouse-exception-code"]) == (status, "516")


def test_credentials_may_stand_in_the_url(running: RunningStore) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    for password, status in ((PASSWORD, 200), ("x", 403)):
        connection.request("POST", f"/?user={USER}&password={quote(password, safe='')}", b"SELECT 1")
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (status, True)
    connection.close()


def test_ping_needs_no_password_and_other_paths_do_not_exist(running: RunningStore) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    answers = []
    for path in ("/ping", "/", "/play"):
        connection.request("GET", path)
        response = connection.getresponse()
        answers.append((response.status, response.read()[:4]))
    connection.close()
    assert answers == [(200, b"Ok.\n"), (200, b"Ok.\n"), (404, b"Code")]


def test_external_data_is_refused_clearly(running: RunningStore) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    status, _, text = ask(running, part, headers=kind, query="SELECT * FROM t")
    assert status == 501
    assert b"external data is not supported" in text


def test_rows_in_a_file_of_the_spool_are_inserted_and_the_file_is_gone(
    running: RunningStore, table: str, spool: Path
) -> None:
    store = Store(running.url, spool=Spool(spool))
    rows = [(f"{number:016}".encode() + number.to_bytes(8, "little")) for number in range(5000)]
    assert store.insert_rows(table, ("key", "number"), rows) == 5000
    assert store.insert_rows(table, ("key", "number"), rows[0]) == 1
    with pytest.raises(DataRefused):
        store.insert_rows(table, ("key", "number"), b"k" * 23)
    assert store.query(f"SELECT count(), max(number) FROM {table}") == [(5001, 4999)]
    store.close()
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../clickhouse/data", "client-", f"client-{'0' * 32}/../x", f"client-{'A' * 32}", "0" * 32, "/etc/passwd"]
)
def test_a_header_can_name_no_other_file_than_one_of_a_client(running: RunningStore, table: str, name: str) -> None:
    query = f"INSERT INTO {table} (key, number) FORMAT RowBinary"
    status, headers, _ = ask(running, b"", query=query, headers={ROWS_FILE: name})
    assert (status, headers["x-clickhouse-exception-code"]) == (400, "36")


def test_rows_of_a_file_that_is_missing_are_refused(running: RunningStore, table: str) -> None:
    query = f"INSERT INTO {table} (key, number) FORMAT RowBinary"
    status, headers, _ = ask(running, b"", query=query, headers={ROWS_FILE: f"client-{'0' * 32}"})
    assert status >= 400 and headers["x-clickhouse-exception-code"]
