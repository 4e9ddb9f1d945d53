"""Geolocation on a running server: whose address counts, what is added, and that no address is kept anywhere."""

import contextlib
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.geo.city_databases import BERLIN, COUNTRY_ONLY, GEOLITE2, PARIS, TOKYO, UNKNOWN, city, write_database
from tests.support.http.encodings import FORM, JSON, raw_form
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server
from trackway.edge.limits import CITY_DATABASE_LOOK_S

TRACKWAY = str(Path(sys.executable).with_name("trackway"))
PROXY = "127.0.0.1"
FRANCE = {"$city": "Paris", "$region": "Île-de-France", "mp_country_code": "FR"}
GERMANY = {"$city": "Berlin", "$region": "State of Berlin", "mp_country_code": "DE"}
JAPAN = {"$city": "Tokyo", "$region": "Tokyo", "mp_country_code": "JP"}
CALIFORNIA = {"$city": "San Francisco", "$region": "California", "mp_country_code": "US"}
PLACE_NAMES = ("$city", "$region", "mp_country_code")


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a trusted proxy, with a city database of its own."""
    directory = tmp_path_factory.mktemp("located")
    database = write_database(directory / "city.mmdb", GEOLITE2)
    arguments = ["--workers", "1", "--trusted-proxies", PROXY, "--geoip-database", str(database)]
    arguments += ["--log-level", "debug"]
    with running_server(directory / "data", *arguments) as running:
        yield running


def places(events: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What was added to each event, by its insert_id."""
    return {
        event["properties"]["$insert_id"]: {
            name: event["properties"][name] for name in PLACE_NAMES if name in event["properties"]
        }
        for event in events
    }


SENT: list[tuple[str, str, str | None, dict[str, Any], dict[str, str]]] = [
    ("track", "/track", PARIS, {}, FRANCE),
    ("track-ip-1", "/track?ip=1", PARIS, {}, FRANCE),
    ("track-ip-0", "/track?ip=0", PARIS, {}, {}),
    ("track-no-proxy", "/track", None, {}, {}),
    ("track-unknown", "/track", UNKNOWN, {}, {}),
    ("track-ipv6", "/track", TOKYO, {}, JAPAN),
    ("track-ipv4-in-ipv6", "/track", f"::ffff:{PARIS}", {}, FRANCE),
    ("track-country-only", "/track", COUNTRY_ONLY, {}, {"mp_country_code": "DE"}),
    ("track-forged-hop", "/track", f"{BERLIN}, {PARIS}", {}, FRANCE),
    ("track-through-two", "/track", f"{PARIS}, {PROXY}", {}, FRANCE),
    ("track-with-a-port", "/track", f"{PARIS}:50123, {PROXY}:4242", {}, FRANCE),
    ("track-in-brackets", "/track", f"[{TOKYO}]:443", {}, JAPAN),
    ("track-hidden", "/track", f"{PARIS}, unknown, {PROXY}", {}, {}),
    ("track-own-ip", "/track", PARIS, {"ip": BERLIN}, GERMANY),
    ("track-own-ip-and-0", "/track?ip=0", PARIS, {"ip": BERLIN}, GERMANY),
    ("track-own-ip-zero", "/track?ip=1", PARIS, {"ip": "0"}, {}),
    ("track-own-city", "/track", PARIS, {"$city": "Lyon"}, FRANCE | {"$city": "Lyon"}),
    ("track-coordinates", "/track", PARIS, {"$latitude": 37.77, "$longitude": -122.42}, CALIFORNIA),
    ("import", "/import", PARIS, {}, FRANCE),
    ("import-ip-0", "/import?ip=0", PARIS, {}, {}),
    ("import-own-ip", "/import?strict=1", PARIS, {"ip": BERLIN}, GERMANY),
    ("import-own-ip-zero", "/import", PARIS, {"ip": 0}, {}),
]


def test_events_have_the_place_they_come_from(located: Server) -> None:
    project = located.create_project()
    for name, target, forwarded, properties, _ in SENT:
        headers = [JSON, basic(project.secret)]
        if forwarded:
            headers.append(("X-Forwarded-For", forwarded))
        body = json.dumps(record(project, insert_id=name, **properties)).encode()
        reply = located.ask(Request("POST", target, tuple(headers), body))
        assert reply.status == 200 and not reply.body.startswith(b"0"), (name, reply)
    expected = {name: place for name, _, _, _, place in SENT}
    assert places(located.export_when(project, len(SENT))) == expected


def test_a_batch_has_each_event_in_its_own_place(located: Server) -> None:
    project = located.create_project()
    ips = [None, BERLIN, 0, TOKYO, UNKNOWN, None, "nonsense"]
    expected = [FRANCE, GERMANY, {}, JAPAN, {}, FRANCE, {}]
    records = [
        record(project, insert_id=f"{number}-of-many-events", ip=ip)  # None leaves it out
        for number, ip in enumerate(ips * 30)
    ]
    headers = (JSON, ("X-Forwarded-For", PARIS))
    assert located.ask(Request("POST", "/track", headers, json.dumps(records).encode())).body == b"1"
    found = places(located.export_when(project, len(records)))
    assert found == {f"{number}-of-many-events": place for number, place in enumerate(expected * 30)}


def test_nobody_is_made_of_an_address_that_is_not_understood(located: Server) -> None:
    """With ip=1 an event without ids is of a person made from the client's address, however that is written."""
    project = located.create_project()
    sent = [PARIS, f"{PARIS}:50123", f'"{PARIS}:1", {PROXY}', TOKYO, f"[{TOKYO}]:443", "unknown", "", f"{PARIS},_x"]
    answers = []
    for number, forwarded in enumerate(sent):
        body = json.dumps(record(project, insert_id=f"id-{number}", distinct_id=None)).encode()
        headers = (JSON, ("X-Forwarded-For", forwarded))
        answers.append(located.ask(Request("POST", "/track?ip=1&verbose=1", headers, body)).body)
    assert [b'"status":1' in answer for answer in answers] == [True] * 5 + [False] * 3
    assert answers[5:] == [b'{"error":"distinct_id, missing or empty","status":0}'] * 3
    lines = located.export_when(project, 5)
    people = {line["properties"]["$insert_id"]: line["properties"]["distinct_id"] for line in lines}
    assert people["id-0"] == people["id-1"] == people["id-2"] != people["id-3"] == people["id-4"]


def test_ip_0_in_a_form_keeps_the_address_of_a_server_away(located: Server) -> None:
    """The Python SDK always sends it; the event's own `ip` still counts."""
    project = located.create_project()
    for name, properties in [("with-no-ip", {}), ("with-an-ip", {"ip": BERLIN})]:
        text = json.dumps(record(project, insert_id=name, **properties)).encode()
        body = raw_form("&verbose=1&ip=0")(text)
        reply = located.ask(Request("POST", "/track", (FORM, ("X-Forwarded-For", PARIS)), body))
        assert reply.body == b'{"error":null,"status":1}'
    assert places(located.export_when(project, 2)) == {"with-no-ip": {}, "with-an-ip": GERMANY}


def test_a_forwarded_address_is_not_believed_of_a_stranger(server: Server, project: Project) -> None:
    """The shared server trusts no proxy, and has the packaged database."""
    body = json.dumps(record(project, insert_id="a")).encode()
    assert server.ask(Request("POST", "/track", (JSON, ("X-Forwarded-For", "81.2.69.142")), body)).body == b"1"
    assert places(server.export_when(project, 1)) == {"a": {}}


def test_a_fresh_server_knows_real_addresses(server: Server, project: Project) -> None:
    body = json.dumps(record(project, insert_id="a", ip="81.2.69.142")).encode()
    assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"1"
    london = {"$city": "London", "$region": "England", "mp_country_code": "GB"}
    assert places(server.export_when(project, 1)) == {"a": london}


SECRETS = ["192.0.2.33", "192.0.2.97", "2001:db8::7777", "192.0.2.34", "192.0.2.35", "192.0.2.36"]
REJECTED_SHAPES = [  # of a record or a body that names an address, each its own
    b'{"event":"x","properties":[{"token":"t","ip":"192.0.2.101"}]}',
    b'{"event":"x","ip":"192.0.2.102","properties":{}}',
    b'{"data":[{"event":"x","properties":{"ip":"192.0.2.103"}}]}',
    b'{"event":"x","properties":{"ip":["192.0.2.104"]}}',
    b"{'event': 'x', 'ip': '192.0.2.105'}",
    b"%7B%22ip%22:%22192.0.2.106%22",
    b"data=" + b64encode(b'{"ip":"192.0.2.107"}') + b"!",
    b64encode(b64encode(b'{"ip":"192.0.2.108"}')),
]


def _files_below(directory: Path) -> dict[Path, bytes]:
    """Every file and its bytes, but for those that the store renames or removes meanwhile."""
    kept: dict[Path, bytes] = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                kept[path] = path.read_bytes() if path.is_file() else b""
    return kept


def test_no_address_is_kept_anywhere(located: Server) -> None:
    by_request, by_event, by_ipv6, rejected, undecodable, damaged = SECRETS
    project = located.create_project()

    def send(target: str, body: bytes, address: str = by_request) -> None:
        located.ask(Request("POST", target, (JSON, ("X-Forwarded-For", address)), body))

    one = json.dumps(record(project, insert_id="a")).encode()
    send("/track", one)
    send("/track?ip=1", json.dumps(record(project, insert_id="b", distinct_id=None)).encode())
    send("/track", json.dumps(record(project, insert_id="c", ip=by_event)).encode())
    send("/track", json.dumps(record(project, insert_id="d")).encode(), by_ipv6)
    send("/track", json.dumps(record(project, insert_id="e", distinct_id="anon", ip=rejected)).encode())
    send("/track", b'[{"event": "a", "properties": {"ip": "%b"' % undecodable.encode())
    send("/track", one.replace(b'"$insert_id"', b'"\xff": 1, "ip": "%b", "x"' % damaged.encode()))
    send("/import", one)
    for body in REJECTED_SHAPES:
        send("/track", body)
    assert len(places(located.export_when(project, 4))) == 4
    located.wait_loaded()
    kept = _files_below(located.data_dir)
    for mark in (b"signed up", b"anon", b"\xff"):  # what is looked through does hold these records
        assert any(mark in text for path, text in kept.items() if "journal" in path.parts)
    assert b"journal is ready" in kept[located.data_dir / "serve.log"]
    coded = [b64encode(b'{"ip":"192.0.2.107"}')[:24], b64encode(b64encode(b'{"ip":"192.0.2.108"}'))[:24]]
    for secret in [*(each.encode() for each in SECRETS), b"192.0.2.10", *coded]:
        assert [path for path, text in kept.items() if secret in text] == [], secret


def test_a_new_database_is_taken_over_while_the_server_runs(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("Lutetia"))
    arguments = ["--trusted-proxies", PROXY, "--geoip-database", str(path), "--workers", "2"]
    with running_server(tmp_path / "data", *arguments) as server:
        processes = server.processes()
        expected: list[str] = []

        def send_from(name: str) -> None:
            """Ten events, on connections of their own, that are to be located in this city."""
            for _ in range(10):
                body = json.dumps(record(server.project, insert_id=f"event-{len(expected)}")).encode()
                headers = (JSON, ("X-Forwarded-For", PARIS))
                assert server.ask(Request("POST", "/track", headers, body)).body == b"1"
                expected.append(name)

        send_from("Lutetia")
        path.write_bytes(b"\0" * 5000)  # written over in place, and no database
        assert wait_until_logged(server, "city database cannot be loaded") == 2
        send_from("Lutetia")
        path.write_bytes(write_database(tmp_path / "new.mmdb", city("Paris")).read_bytes())
        assert wait_until_logged(server, "city database reloaded") == 2
        send_from("Paris")
        found = places(server.export_when(server.project, len(expected)))
        assert [found[f"event-{number}"]["$city"] for number in range(len(expected))] == expected
        assert server.processes() == processes  # none had to be started again


def wait_until_logged(server: Server, text: str) -> int:
    """How often the log says so, once both edge processes may have said it; 0 when they do not."""
    deadline = time.monotonic() + 20 * CITY_DATABASE_LOOK_S
    while time.monotonic() < deadline:
        count = (server.data_dir / "serve.log").read_text().count(text)
        if count >= 2:
            return count
        time.sleep(0.1)
    return 0


def test_a_database_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "none.mmdb"
    command = [TRACKWAY, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--geoip-database", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"trackway: geoip_database {path} cannot be used: no such file or directory\n"
