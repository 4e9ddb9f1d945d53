"""`trackway doctor` on this machine: before a server, beside one, and through its address."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import trackway
from tests.support.free_port import free_port
from tests.support.server import ROOM_ENOUGH, Server

LOOKED_AT = ["clock", "memory", "open files", "data directory", "disk", "room", "time zones", "places", "priorities"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def examined(*arguments: str) -> dict[str, dict[str, str]]:
    done = trackway("doctor", "--json", *arguments, **ROOM_ENOUGH)
    assert done.stderr == "" and done.returncode in (0, 1)
    found = json.loads(done.stdout)
    assert done.returncode == any(each["level"] == "fault" for each in found)
    return {each["name"]: each for each in found}


def test_a_machine_is_examined_before_there_is_a_server_and_nothing_is_made(tmp_path: Path) -> None:
    found = examined("--data-dir", "new/data")
    assert list(found)[: len(LOOKED_AT)] == LOOKED_AT
    assert "the first start makes it" in found["data directory"]["said"]
    assert "a write with its sync takes" in found["disk"]["said"]
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_table_and_what_to_do() -> None:
    said = trackway("doctor", "--data-dir", "new", **ROOM_ENOUGH).stdout
    assert "Looked at" in said and "* places: give a newer one" in said
    assert said.splitlines()[-1].endswith(("warning.", "warnings."))


def test_the_address_of_a_running_server_accepts_data(server: Server) -> None:
    found = examined("--data-dir", str(server.data_dir), "--url", server.url)
    assert found["address"]["level"] == "ok"
    assert found["certificate"]["level"] == "warning", "plain HTTP"


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "{url}/nowhere"])
def test_an_address_that_leads_elsewhere_is_a_fault(server: Server, address: str) -> None:
    found = examined("--url", address.format(port=free_port(), url=server.url))
    assert found["address"]["level"] == "fault" and found["address"]["advice"]


@pytest.mark.parametrize(
    ("arguments", "name", "words"),
    [
        (["--store-url", "http://me:hidden@127.0.0.1:1/x"], "store", "did not answer"),
        (["--projects-url", "postgresql://me:hidden@127.0.0.1:1/x"], "projects", "Connection refused"),
        (["--tls-cert", "none.pem"], "tls", "none.pem"),
        (["--data-dir", "/dev/null"], "data directory", "no directory"),
        (["--disk-free-bytes-min", "1125899906842624"], "room", "to keep"),
    ],
)
def test_a_fault_ends_with_exit_code_1(arguments: list[str], name: str, words: str) -> None:
    done = trackway("doctor", "--json", *arguments, **(ROOM_ENOUGH if name != "room" else {}))
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert (done.returncode, found[name]["level"]) == (1, "fault")
    assert words in found[name]["said"] and "hidden" not in done.stdout


def test_an_address_that_is_none_is_refused() -> None:
    done = trackway("doctor", "--url", "events.example.com")
    assert (done.returncode, done.stderr) == (
        2,
        "trackway: url must begin with http:// or https://, not 'events.example.com'\n",
    )
