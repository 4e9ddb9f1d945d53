"""`trackway import` beside a running server: every format, once and again, interrupted and resumed."""

import csv
import gzip
import io
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from backports import zstd
from pyarrow import parquet

from tests.support.command_line import TRACKWAY, trackway
from tests.support.http.exchange import Request
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server, basic, running_server
from tests.support.waiting import wait_until
from trackway.journal.segments.head import Head

BEGAN_S = 1_700_000_000


def events(count: int) -> list[dict[str, Any]]:
    """Events without `$insert_id`, each twice in a row and with its twin equal in every byte."""
    return [
        {"event": f"e{number % 3}", "properties": {"time": BEGAN_S + number // 2, "distinct_id": "u", "n": number // 2}}
        for number in range(count)
    ]


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps({**each, "event": "e"}) + b"\n" for each in records)


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"event": "e", "time": BEGAN_S + n // 2, "distinct_id": "u", "n": n // 2, "s": "ü,\n"} for n in range(count)
    ]


def as_csv(count: int) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows(1)[0]))
    writer.writeheader()
    writer.writerows(rows(count))
    return text.getvalue().encode()


def as_parquet(count: int) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows(count)), sink)
    return sink.getvalue()


class Importing:
    """The command for one project, in a directory of its own."""

    def __init__(self, server: Server, project: Project, directory: Path):
        self.server, self.project, self.directory = server, project, directory
        self.where = ["--data-dir", str(server.data_dir), "--project", str(project.project_id)]
        self.where += ["--state", str(directory), "--json"]

    def file(self, name: str, content: bytes) -> str:
        (self.directory / name).parent.mkdir(exist_ok=True)
        (self.directory / name).write_bytes(content)
        return str(self.directory / name)

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = trackway("import", *arguments, *self.where)
        assert (done.returncode, done.stderr) == (code, ""), (done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [TRACKWAY, "import", *arguments, *self.where], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def left(self) -> list[str]:
        return sorted(each.name for each in self.directory.iterdir() if each.name.startswith(".trackway-import"))

    @property
    def progress(self) -> dict[str, Any] | None:
        for name in self.left():
            if name.endswith(".new"):  # not in its place yet, so it does not count
                continue
            try:
                found: dict[str, Any] = json.loads((self.directory / name).read_text())
            except (OSError, ValueError):
                return None
            return found
        return None


@pytest.fixture
def importing(server: Server, project: Project, tmp_path: Path) -> Importing:
    return Importing(server, project, tmp_path)


FILES: list[tuple[str, Callable[[int], bytes]]] = [
    ("a.ndjson", lambda count: lines(events(count))),
    ("a.jsonl.gz", lambda count: gzip.compress(lines(events(count)))),
    ("a.json.zst", lambda count: zstd.compress(lines(events(count)))),
    ("a.json", lambda count: json.dumps(events(count), indent=2).encode()),
    ("a.csv", as_csv),
    ("nameless", as_csv),
    ("a.parquet", as_parquet),
]


@pytest.mark.parametrize(("name", "made"), FILES, ids=[name for name, _ in FILES])
def test_any_format_is_imported_once_however_often_and_equal_records_stay_two(
    importing: Importing, name: str, made: Callable[[int], bytes]
) -> None:
    path = importing.file(name, made(4500))
    for _ in range(2):
        found = importing.run(path)
        assert (found["imported"], found["rejected"], found["rejected_file"]) == (4500, 0, None)
    stored = importing.server.export_when(importing.project, 4500)
    assert Counter(Counter(each["properties"]["n"] for each in stored).values()) == {2: 2250}
    assert {each["properties"]["time"] for each in stored} == {BEGAN_S + n for n in range(2250)}
    assert importing.left() == []


def test_lines_have_the_same_ids_whoever_makes_them(importing: Importing) -> None:
    """The server makes them for its operator's import, the import for any other server and where a line is refused."""
    each = lines(events(40)).splitlines()
    inner = b'"properties":{"properties":{"a":1},'
    each[5] = each[5].replace(b'"properties":{', inner).replace(b"properties", rb"prop\u0065rties", 1)
    path = importing.file("a.ndjson", b"\r\n".join([*each[:10], b"", b" ", *each[10:30], b"{", *each[30:]]))
    done = [importing.run(path, code=1), importing.run(path, "--url", importing.server.url, code=1)]
    assert [(found["imported"], found["rejected"]) for found in done] == [(40, 1), (40, 1)]
    good = importing.file("b/a.ndjson", b"\r\n".join([*each[:10], b"", b" ", *each[10:30], b""]))
    assert importing.run(good)["imported"] == 30
    importing.server.wait_loaded()
    stored = importing.server.export_when(importing.project, 40)
    assert Counter(Counter(each["properties"]["n"] for each in stored).values()) == {2: 20}


def test_standard_input_and_directories_are_read(importing: Importing) -> None:
    command = [TRACKWAY, "import", "-", *importing.where]
    for _ in range(2):
        done = subprocess.run(command, input=lines(events(10)), capture_output=True, check=True)
        assert json.loads(done.stdout)["imported"] == 10
    (importing.directory / "all/1").mkdir(parents=True)
    importing.file("all/1/a.ndjson", lines(events(3)))
    importing.file("all/a.ndjson", lines(events(4)))
    assert importing.run(str(importing.directory / "all"))["imported"] == 7
    importing.server.export_when(importing.project, 17)


def test_a_pipe_with_a_path_is_read(importing: Importing) -> None:
    """As a shell's process substitution gives one."""
    path = importing.file("a.ndjson", lines(events(10)))
    command = [TRACKWAY, "import", "/dev/stdin", *importing.where]
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, check=True)
    assert json.loads(done.stdout)["imported"] == 10


def test_a_directory_is_imported_without_the_records_that_it_rejected(importing: Importing) -> None:
    importing.file("a.ndjson", b"{\n" * 5)
    for _ in range(3):
        found = importing.run(str(importing.directory), code=1)
        assert (found["imported"], found["rejected"]) == (0, 5)
        assert len(Path(found["rejected_file"]).read_bytes().splitlines()) == 5
    command = [
        "import",
        str(importing.directory),
        *importing.where,
        "--rejected",
        str(importing.directory / "b.ndjson"),
    ]
    assert trackway(*command).returncode == 1
    again = trackway(*command)
    assert again.returncode == 2 and "b.ndjson is one of the files" in again.stderr


def test_imports_with_other_options_have_a_progress_of_their_own(importing: Importing) -> None:
    profiles = b"".join(b'{"$distinct_id":"g%d","$properties":{"a":1}}\n' % number for number in range(50_000))
    broken = importing.file("g.ndjson.gz", gzip.compress(profiles)[:-20])
    for number, options in enumerate((["g"], ["h"], ["h", "--format", "json"], ["h", "--rejected", "no"]), 1):
        done = trackway("import", broken, *importing.where, "--group", *options)
        assert done.returncode == 1 and len(importing.left()) == number, done.stderr


def test_rejected_records_are_counted_by_reason_and_kept_with_their_numbers(importing: Importing) -> None:
    good = orjson.dumps(events(1)[0])
    late = orjson.dumps({"event": "e", "properties": {"time": 4_000_000_000, "distinct_id": "u"}})
    path = importing.file("a.ndjson", b"\n".join([good, b'{"event":', late, b"", late + b" ", b"[1]", good]))
    found = importing.run(path, code=1)
    future = "'properties.time' is invalid: must not be in the future"
    assert (found["imported"], found["rejected"]) == (2, 4)
    assert found["reasons"] == {future: 2, "no JSON": 1, found_reason(found, future): 1}
    kept = [json.loads(line) for line in Path(found["rejected_file"]).read_text().splitlines()]
    assert [(each["file"], each["number"], each["record"]) for each in kept] == [
        ("a.ndjson", 2, '{"event":'),
        ("a.ndjson", 3, late.decode()),
        ("a.ndjson", 5, late.decode() + " "),
        ("a.ndjson", 6, "[1]"),
    ]
    assert kept[1]["field"] == "properties.time"
    importing.server.export_when(importing.project, 2)


def found_reason(found: dict[str, Any], *others: str) -> str:
    """The one reason that is none of the others."""
    [reason] = [each for each in found["reasons"] if each not in (*others, "no JSON")]
    return str(reason)


def test_an_event_that_holds_the_name_of_an_id_elsewhere_gets_an_id(importing: Importing) -> None:
    record = {"event": "e", "properties": {"time": BEGAN_S, "distinct_id": "u", "names": ["$insert_id"]}}
    path = importing.file("a.ndjson", lines([record, record]))
    for _ in range(2):
        assert importing.run(path)["imported"] == 2
    importing.server.export_when(importing.project, 2)


def test_columns_are_mapped(importing: Importing) -> None:
    text = "name;when;who;price;ok;zip\nBuy;2023-11-14T22:13:20.5Z;u1;12.5;true;01234\n"
    named = ["--event-name", "name", "--time", "when", "--distinct-id", "who"]
    assert importing.run(importing.file("a.csv", text.encode()), *named)["imported"] == 1
    [event] = importing.server.export_when(importing.project, 1, time_in_ms="true")
    own = {name: event["properties"][name] for name in ("time", "distinct_id", "price", "ok", "zip")}
    assert (event["event"], own) == (
        "Buy",
        {"time": 1000 * BEGAN_S + 500, "distinct_id": "u1", "price": 12.5, "ok": True, "zip": "01234"},
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_ended_in_the_middle_goes_on_and_stores_nothing_twice(
    importing: Importing, end: signal.Signals
) -> None:
    count = 120_000
    records = events(count)
    broken = [b"{" if number % 10_000 == 7 else lines([each])[:-1] for number, each in enumerate(records)]
    path = importing.file("a.ndjson.gz", gzip.compress(b"\n".join(broken)))
    first = importing.start(path)
    wait_until(
        lambda: bool((importing.progress or {}).get("imported")) or first.poll() is not None,
        60,
        lambda: "no progress was saved",
    )
    first.send_signal(end)
    _, said = first.communicate(timeout=60)
    assert first.returncode == (-signal.SIGKILL if end == signal.SIGKILL else 128 + signal.SIGINT), said
    before = importing.progress
    assert before is not None and 0 < before["imported"] < count - 12, "it has ended before it was ended"
    found = importing.run(path, code=1)
    assert (found["imported"], found["rejected"], found["resumed"]) == (count - 12, 12, True)
    kept = [json.loads(line)["number"] for line in Path(found["rejected_file"]).read_text().splitlines()]
    assert kept == [number + 1 for number in range(7, count, 10_000)]
    stored = importing.server.export_when(importing.project, count - 12)
    assert len({each["properties"]["$insert_id"] for each in stored}) == count - 12
    assert importing.left() == []


def test_a_server_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    data_dir, work, count = tmp_path / "data", tmp_path / "work", 120_000
    work.mkdir()
    with running_server(data_dir) as first, closing(Head(data_dir / "journal")) as head:
        importing = Importing(first, first.project, work)
        path = importing.file("a.ndjson", lines(events(count)))
        before = head.synced
        started = importing.start(path, "--connections", "2")
        wait_until(lambda: head.synced > before, 60, lambda: "nothing was acknowledged")
    assert started.poll() is None, "it has ended before the server was away"
    with running_server(data_dir, "--port", str(first.port)) as second:
        out, said = started.communicate(timeout=120)
        assert started.returncode == 0, said
        assert json.loads(out)["imported"] == count
        second.export_when(first.project, count)


def test_imports_of_the_operator_do_not_count_towards_the_hourly_limit(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--rate-limits", "--import-requests-per-hour", "2") as server:
        importing = Importing(server, server.project, tmp_path)
        path = importing.file("a.ndjson", lines(events(10_000)))
        assert importing.run(path)["imported"] == 10_000
        # By --url the command is a client like any other, and waits as long as it is asked to.
        limited = importing.start(path, "--url", server.url, "--restart")
        with pytest.raises(subprocess.TimeoutExpired):
            limited.communicate(timeout=6)
        limited.send_signal(signal.SIGINT)
        limited.communicate(timeout=60)
        assert limited.returncode == 128 + signal.SIGINT
        server.export_when(server.project, 10_000)


@pytest.fixture
def profiles(profile_server: ProfileServer, profile_project: Project, tmp_path: Path) -> Iterator[Importing]:
    yield Importing(profile_server.server, profile_project, tmp_path)


def queried(importing: Importing, **parameters: str) -> dict[str, Any]:
    importing.server.wait_loaded()
    body = "&".join(f"{name}={value}" for name, value in parameters.items())
    reply = importing.server.ask(Request("GET", f"/api/2.0/engage?{body}", (basic(importing.project.secret),)))
    return {each["$distinct_id"]: each["$properties"] for each in json.loads(reply.body)["results"]}


def test_profiles_of_users_and_groups_are_set_as_they_were(profiles: Importing) -> None:
    seen = {"name": "Ann", "$last_seen": "2024-01-01T00:00:00"}
    users = json.dumps(
        [{"$distinct_id": "u1", "$properties": seen}, {"$distinct_id": "u2", "$properties": {"a": [1]}}]
    ).encode()
    groups = b"id,plan\nc1,gold\n"
    for _ in range(2):
        assert profiles.run("--profiles", profiles.file("p.json", users))["imported"] == 2
        assert (
            profiles.run("--group", "company", "--distinct-id", "id", profiles.file("g.csv", groups))["imported"] == 1
        )
    assert queried(profiles) == {"u1": seen, "u2": {"a": [1]}}
    assert queried(profiles, data_group_id="company") == {"c1": {"plan": "gold"}}


def test_a_wrong_argument_is_exit_code_2_and_a_broken_file_1(importing: Importing) -> None:
    twice = importing.file("a.ndjson", lines(events(1)))
    for arguments in (
        ["nowhere.ndjson"],
        [twice, twice],
        [twice, "--profiles", "--group", "g"],
        [twice, "--state", "no"],
    ):
        done = trackway("import", *arguments, *importing.where[:4])
        assert (done.returncode, done.stdout) == (2, ""), arguments
    broken = importing.file("b.ndjson.gz", gzip.compress(lines(events(60_000)))[:-20])
    done = trackway("import", broken, *importing.where)
    assert done.returncode == 1 and "b.ndjson.gz" in done.stderr, done.stderr
    importing.server.wait_loaded()
    assert 2000 <= len(importing.server.export(importing.project)) <= 60_000
    assert importing.left() != []
