"""`trackway export` beside a running server: files that pandas, polars and DuckDB read, only what is new, to S3 too."""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pandas as pd
import polars as pl
import pytest

from tests.support.command_line import TRACKWAY, trackway
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.object_storage import Storage, running_storage
from tests.support.server import Project, Server, basic
from tests.support.waiting import wait_until

DAY_S = 86_400
BEGAN_S = 1_700_006_400
"""Midnight of 2023-11-15, UTC."""
COLUMNS = {
    "event", "time", "distinct_id", "distinct_id_before_identity", "device_id", "user_id", "insert_id", "endpoint",
    "received", "loaded", "properties", "price", "ok", "word",
}  # fmt: skip
OWN = ["--column", "price:number", "--column", "ok:boolean", "--column", "word"]


def asked(sql: str) -> list[tuple[Any, ...]]:
    found = duckdb.sql(sql)
    assert found is not None
    return found.fetchall()


def event(number: int, day: int = 0, **properties: Any) -> dict[str, Any]:
    own = {
        "time": BEGAN_S + day * DAY_S + number,
        "distinct_id": "u",
        "$insert_id": f"id-{number}",
        "price": number / 2,
    }
    return {"event": "Buy", "properties": {**own, "ok": number % 2 == 0, "word": 'ü,\n"', **properties}}


def linked(device_id: str, user_id: str | None = None) -> dict[str, Any]:
    return {"$device_id": device_id, **({"$user_id": user_id} if user_id else {})}


class Exporting:
    """The command for one project, in a directory of its own."""

    def __init__(self, server: Server, project: Project, directory: Path):
        self.server, self.project, self.directory = server, project, directory
        self.out = directory / "out"
        self.where = ["--data-dir", str(server.data_dir), "--project", str(project.project_id), "--json"]

    def send(self, *events: dict[str, Any]) -> None:
        for begin in range(0, len(events), 2000):
            body = orjson.dumps(events[begin : begin + 2000])
            sent = self.server.ask(Request("POST", "/import?strict=1", (JSON, basic(self.project.secret)), body))
            assert sent.status == 200, sent.body
        self.server.wait_loaded()

    def run(self, *arguments: str, to: str | None = None, **variables: str) -> dict[str, Any]:
        done = trackway("export", to or str(self.out), *arguments, *self.where, **variables)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def days(self) -> dict[str, int]:
        """The number of files of each day."""
        return dict(sorted(Counter(each.parent.name for each in self.out.glob("day=*/*")).items()))

    def ids(self) -> list[str]:
        """The ids of all exported events, sorted."""
        return (
            sorted(pl.read_parquet(self.out / "day=*/*.parquet")["insert_id"]) if any(self.out.glob("day=*/*")) else []
        )


@pytest.fixture
def exporting(server: Server, project: Project, tmp_path: Path) -> Exporting:
    return Exporting(server, project, tmp_path)


def test_parquet_is_read_with_its_types_by_pandas_polars_and_duckdb(exporting: Exporting) -> None:
    exporting.send(*[event(number, number % 2) for number in range(50)], event(50, price="many", ok=1, word=[1]))
    assert exporting.run(*OWN) | {"files": 2, "events": 51, "from_position": 0} == exporting.run(*OWN)
    files = str(exporting.out / "day=*/*.parquet")
    by_polars = pl.read_parquet(files)
    assert set(by_polars.columns) == COLUMNS
    types = {name: str(kind) for name, kind in by_polars.schema.items()}
    assert types["time"] == "Datetime(time_unit='ms', time_zone='UTC')" and types["price"] == "Float64"
    assert (types["ok"], types["properties"], types["event"]) == ("Boolean", "String", "String")
    by_pandas = pd.concat([pd.read_parquet(each) for each in sorted(exporting.out.glob("day=*/*.parquet"))])
    assert str(by_pandas.dtypes["time"]) == "datetime64[ms, UTC]" and by_pandas["price"].sum() == sum(range(50)) / 2
    [(count, total, first, true)] = asked(
        f"SELECT count(*), sum(price), min(epoch(time)), count(*) FILTER (ok) FROM read_parquet('{files}')"
    )
    assert (count, total, first, true) == (51, sum(range(50)) / 2, BEGAN_S, 25)
    [(other,)] = asked(f"SELECT word FROM '{files}' WHERE insert_id = 'id-50'")
    assert other == "[1]"
    assert by_polars.filter(pl.col("insert_id") == "id-50")["price"].to_list() == [None]
    texts = by_polars.filter(pl.col("insert_id") == "id-1")
    assert json.loads(texts["properties"][0])["word"] == texts["word"][0] == 'ü,\n"'


@pytest.mark.parametrize(
    ("format_", "packed"), [("csv", []), ("csv", ["--gzip"]), ("ndjson", []), ("ndjson", ["--gzip"])]
)
def test_lines_and_csv_have_the_same_events_and_are_imported_again_as_they_were(
    exporting: Exporting, format_: str, packed: list[str]
) -> None:
    exporting.send(*[event(number, number % 3, time=1000 * BEGAN_S + number * 7) for number in range(60)])
    assert exporting.run("--format", format_, *packed)["events"] == 60
    path = str(exporting.out / "day=*/*")
    if format_ == "csv":
        [(count, ids)] = asked(f"SELECT count(*), count(DISTINCT insert_id) FROM read_csv('{path}')")
        assert (count, ids) == (60, 60)
    before = sorted(
        json.dumps(each["properties"].get("$insert_id")) for each in exporting.server.export(exporting.project)
    )
    other = exporting.server.create_project()
    done = trackway("import", str(exporting.out), *exporting.where[:2], "--project", str(other.project_id))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    copied = exporting.server.export_when(other, 60, time_in_ms="true")
    assert sorted(json.dumps(each["properties"]["$insert_id"]) for each in copied) == before
    assert {each["properties"]["time"] for each in copied} == {1000 * BEGAN_S + number * 7 for number in range(60)}


def test_only_what_was_loaded_since_is_exported_late_events_too(exporting: Exporting) -> None:
    exporting.send(event(1), event(2, 1))
    assert exporting.run("--since-last")["events"] == 2
    assert exporting.run("--since-last")["events"] == 0
    exporting.send(event(3), event(4, 2))  # the first is late
    assert exporting.run("--since-last")["events"] == 2
    assert exporting.days() == {"day=2023-11-15": 2, "day=2023-11-16": 1, "day=2023-11-17": 1}
    assert exporting.ids() == ["id-1", "id-2", "id-3", "id-4"]
    assert exporting.run()["events"] == 4  # all anew, in place of the files before
    assert exporting.days() == {"day=2023-11-15": 1, "day=2023-11-16": 1, "day=2023-11-17": 1}
    exporting.send(event(5))
    assert exporting.run("--since-last")["events"] == 1
    assert exporting.ids() == [f"id-{number}" for number in range(1, 6)]


def test_an_event_that_comes_again_is_exported_once_while_it_is_a_duplicate(exporting: Exporting) -> None:
    exporting.send(event(1))
    assert exporting.run("--since-last")["events"] == 1
    exporting.send(event(1))
    assert exporting.run("--since-last")["events"] == 0


def test_only_named_events_are_exported(exporting: Exporting) -> None:
    exporting.send(event(1), {**event(2), "event": "Sell"}, {**event(3), "event": "Look"})
    assert exporting.run("--event", "Buy", "--event", "Sell")["events"] == 2
    assert exporting.ids() == ["id-1", "id-2"]


def test_an_export_of_a_server_with_an_earlier_state_is_refused(exporting: Exporting) -> None:
    exporting.send(*(event(number) for number in range(3)))
    assert exporting.run("--since-last")["events"] == 3
    place = exporting.out / "_trackway_export.json"
    later = json.loads(place.read_text())
    place.write_text(json.dumps(later | {"next_position": later["next_position"] + 1}))
    before = place.read_bytes()
    done = trackway("export", str(exporting.out), "--since-last", *exporting.where)
    assert done.returncode == 1 and "as after a restore" in done.stderr
    assert place.read_bytes() == before
    assert exporting.run()["events"] == 3
    assert exporting.run("--since-last")["events"] == 0


def test_files_of_another_kind_are_never_mixed(exporting: Exporting) -> None:
    exporting.send(event(1))
    exporting.run("--since-last")
    for other in (["--format", "csv"], OWN, ["--event", "Buy"]):
        done = trackway("export", str(exporting.out), "--since-last", *other, *exporting.where)
        assert done.returncode == 1 and "name another destination" in done.stderr, done.stderr
    assert exporting.ids() == ["id-1"]


def test_an_export_that_is_killed_goes_on_and_has_each_event_once(exporting: Exporting) -> None:
    exporting.send(*[event(number, number % 40) for number in range(8000)])
    command = [TRACKWAY, "export", str(exporting.out), "--since-last", *exporting.where]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: len(exporting.days()) > 2 or first.poll() is not None, 60, lambda: "nothing is exported")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert 0 < len(exporting.days()) < 40, "it has ended before it was ended"
    exporting.send(event(9000), event(9001, 50))
    exporting.run("--since-last")
    assert exporting.ids() == sorted([f"id-{number}" for number in (*range(8000), 9000, 9001)])
    assert [each.name for each in exporting.out.iterdir() if each.name.startswith(".")] == []


def test_events_have_the_person_that_they_belong_to_now(exporting: Exporting) -> None:
    exporting.send(event(1, 0, distinct_id="$device:d", **linked("d")))
    exporting.send(event(2, 0, distinct_id="ann", **linked("d", "ann")))
    exporting.run()
    found = pl.read_parquet(exporting.out / "day=*/*.parquet").sort("insert_id")
    assert found["distinct_id"].to_list() == ["ann", "ann"]
    assert found["distinct_id_before_identity"].to_list() == ["$device:d", "ann"]
    assert found["device_id"].to_list() == ["d", "d"]


USAGE = [
    (["--column", "price:number", "--column", "Price"], "a column must have a name of its own, not 'Price'"),
    (["--column", "event"], "a column must have a name of its own, not 'event'"),
    (["--every", "1h"], "give --since-last too"),
    (["--since-last", "--every", "soon"], "every must be a time such as 90s"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_a_wrong_argument_is_refused_and_nothing_is_written(
    exporting: Exporting, arguments: list[str], message: str
) -> None:
    done = trackway("export", str(exporting.out), *arguments, *exporting.where)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr
    assert not exporting.out.exists()


def test_a_destination_that_cannot_be_written_is_an_error_of_one_line(exporting: Exporting) -> None:
    exporting.send(event(1))
    (exporting.directory / "file").write_text("")
    done = trackway("export", str(exporting.directory / "file"), *exporting.where)
    assert done.returncode == 1 and "cannot be used" in done.stderr and done.stderr.count("\n") == 1


def test_an_export_repeats_after_a_time(exporting: Exporting) -> None:
    exporting.send(event(1))
    command = [TRACKWAY, "export", str(exporting.out), "--since-last", "--every", "1s", *exporting.where]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: exporting.ids() == ["id-1"], 60, lambda: "nothing is exported")
        exporting.send(event(2))
        wait_until(lambda: exporting.ids() == ["id-1", "id-2"], 60, lambda: "nothing more is exported")
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with running_storage(tmp_path_factory.mktemp("storage") / "data") as running:
        yield running


def test_s3_holds_what_a_directory_would_and_is_imported_from_there(exporting: Exporting, storage: Storage) -> None:
    exporting.send(event(1), event(2, 1))
    place = f"s3://{storage.bucket}/landing/{exporting.project.project_id}"
    assert exporting.run("--since-last", to=place, **storage.variables)["events"] == 2
    exporting.send(event(3))
    assert exporting.run("--since-last", to=place, **storage.variables)["events"] == 1
    assert exporting.run("--since-last", to=place, **storage.variables)["events"] == 0
    other = exporting.server.create_project()
    arguments = ["import", place, *exporting.where[:2], "--project", str(other.project_id)]
    arguments += ["--state", str(exporting.directory)]
    done = trackway(*arguments, **storage.variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    copied = exporting.server.export_when(other, 3)
    assert sorted(each["properties"]["$insert_id"] for each in copied) == ["id-1", "id-2", "id-3"]
    assert exporting.run(to=place, **storage.variables)["files"] == 2
    done = trackway(*arguments[:1], f"s3://{storage.bucket}/nowhere/", *arguments[2:], **storage.variables)
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, done.stderr
    wrong = {**storage.variables, "AWS_SECRET_ACCESS_KEY": "wrong"}
    done = trackway("export", place, "--since-last", *exporting.where, **wrong)
    assert done.returncode == 1 and "wrong" not in done.stderr, done.stderr
