"""What people reported of other servers of this kind, and what holds here: framing, numbers, texts, ids, races."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import linking, record, track
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic

OK = b'{"error":null,"status":1}'
HEAD = b"host: x\r\ncontent-type: application/json\r\n"


def talk(server: Server, *parts: bytes) -> bytes:
    """Send the parts over one connection, each behind the first once something has come back; all until it closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        got = b""
        for number, part in enumerate(parts):
            if number:
                got += connection.recv(1 << 16)
            connection.sendall(part)
        while piece := connection.recv(1 << 16):
            got += piece
        return got


@pytest.fixture
def bodies(project: Project) -> Iterator[bytes]:
    """Events, each another one."""
    return (json.dumps(record(project, insert_id=f"id-{number}")).encode() for number in count())


def post(body: bytes, more: bytes = b"", line: bytes = b"POST /track?verbose=1 HTTP/1.1") -> bytes:
    return line + b"\r\n" + HEAD + more + b"content-length: %d\r\n\r\n" % len(body) + body


CLOSE = b"connection: close\r\n"


def test_requests_in_every_framing_are_stored(server: Server, project: Project, bodies: Iterator[bytes]) -> None:
    pipelined = talk(server, post(next(bodies)) + post(next(bodies)) + post(next(bodies), CLOSE))
    assert pipelined.count(OK) == 3
    body = next(bodies)
    pieces = [body[at : at + 40] for at in range(0, len(body), 40)]
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"POST /track?verbose=1 HTTP/1.1\r\n" + HEAD + CLOSE + b"transfer-encoding: chunked\r\n\r\n"
    assert OK in talk(server, head + chunks + b"0\r\nx-trailer: 1\r\n\r\n")
    expecting = post(next(bodies), CLOSE + b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
    continued = talk(server, expecting[0] + expecting[1], expecting[2])
    assert continued.startswith(b"HTTP/1.1 100 ") and OK in continued
    assert OK in talk(server, post(next(bodies), CLOSE, b"POST http://x.example/track?verbose=1 HTTP/1.1"))
    assert OK in talk(server, post(next(bodies), b"", b"POST /track?verbose=1 HTTP/1.0"))
    assert len(server.export_when(project, 7)) == 7


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    lines = b"expect: 100-continue\r\nconnection: close\r\ncontent-length: 99000000\r\n\r\n"
    assert talk(server, b"POST /track HTTP/1.1\r\n" + HEAD + lines).startswith(b"HTTP/1.1 413 ")


NUMBERS = [
    "9007199254740993",
    "18446744073709551615",
    "123456789012345678901234567890",
    "1E5",
    "-0",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1e-400",
    "1e400",
    "-1.50",
]
"""As clients may write them, beyond what a double holds."""


def test_numbers_keep_their_digits(server: Server, project: Project) -> None:
    texts = []
    for row, number in enumerate(NUMBERS):
        text = json.dumps(record(project, insert_id=f"id-{row}", value="<>", row=row))
        texts.append(text.replace('"<>"', number))
    body = f"[{','.join(texts)}]".encode()
    assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"1"
    server.wait_loaded()
    exported = server.export_reply(project).body
    for row, number in enumerate(NUMBERS):
        assert f'"value":{number},"row":{row}}}'.encode() in exported, number
    for where, rows in (
        ('properties["value"] > 1000000', {0, 1, 2}),
        ('properties["value"] == 0', {4, 6}),
        ('properties["value"] == 9007199254740993', {0}),
        ('properties["value"] < 0', {8}),
    ):
        assert {line["properties"]["row"] for line in server.export(project, where=where)} == rows, where


def test_a_property_may_be_number_and_text(server: Server, project: Project) -> None:
    track(server, [record(project, insert_id=f"id-{each!r}", value=each) for each in (10, "10", "ten")])
    server.wait_loaded()
    for where, values in (
        ('properties["value"] == 10', [10]),
        ('properties["value"] == "10"', ["10"]),
        ('number(properties["value"]) >= 10', [10, "10"]),
        ('string(properties["value"]) == "10"', [10, "10"]),
    ):
        found = [line["properties"]["value"] for line in server.export(project, where=where)]
        assert sorted(found, key=repr, reverse=True) == values, where


def profiles(server: Server, project: Project, where: str = "") -> dict[str, dict[str, object]]:
    body = json.dumps({"where": where}).encode()
    reply = server.ask(Request("POST", "/api/2.0/engage", (JSON, basic(project.secret)), body))
    assert reply.status == 200, reply
    return {each["$distinct_id"]: each["$properties"] for each in json.loads(reply.body)["results"]}


def test_counters_begin_at_nothing_and_ids_may_be_large_numbers(server: Server, project: Project) -> None:
    updates: list[tuple[object, dict[str, object]]] = [
        ("n", {"$add": {"k": 2}}),
        ("n", {"$add": {"k": 9007199254740993}}),
        (12345678901234567890, {"$set": {"z": 1}}),
    ]
    body = json.dumps([{"$token": project.token, "$distinct_id": id_} | update for id_, update in updates]).encode()
    assert server.ask(Request("POST", "/engage", (JSON,), body)).body == b"1"
    server.wait_loaded()
    found = profiles(server, project)
    assert found.keys() == {"n", "12345678901234567890"}
    assert found["n"]["k"] == 9007199254740995


def test_dates_of_other_zones_and_before_1970_compare_by_time(server: Server, project: Project) -> None:
    dates = {"a": "2014-08-21T09:00:00+09:00", "b": "1961-04-14T00:00:00.000Z"}
    update = {"$token": project.token, "$distinct_id": "u", "$set": dates}
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode())).body == b"1"
    server.wait_loaded()
    for where, count_ in (
        ('datetime(properties["a"]) == datetime("2014-08-21T00:00:00")', 1),
        ('datetime(properties["a"]) == datetime("2014-08-21T09:00:00")', 0),
        ('datetime(properties["b"]) == datetime("1961-04-14T00:00:00")', 1),
        ('datetime(properties["b"]) < datetime(0)', 1),
    ):
        assert len(profiles(server, project, where)) == count_, where


def test_exports_name_their_charset_and_hold_every_script(server: Server, project: Project) -> None:
    name, user = "Café 東京 ٣ 🇯🇵", "ä-Ω-я-א"
    track(server, record(project, name, insert_id="id", distinct_id=user, **{"ключ": "値"}))
    server.wait_loaded()
    reply = server.export_reply(project)
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    line = json.loads(reply.body.decode("utf-8"))
    assert (line["event"], line["properties"]["distinct_id"], line["properties"]["ключ"]) == (name, user, "値")


def test_a_device_that_two_users_claim_at_once_has_one_user(server: Server, project: Project) -> None:
    def claim(device: int, user: str) -> None:
        ids = {"$device_id": f"d{device}", **({"$user_id": f"{user}{device}"} if user else {})}
        track(server, linking(project, "claimed", **{"$insert_id": f"id-{device}-{user}"}, **ids))

    claims = [(device, user) for device in range(15) for user in ("a", "b", "")]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(claim, *zip(*claims, strict=True)))
    lines = [line["properties"] for line in server.export_when(project, len(claims))]
    for device in range(15):
        of_it = [line for line in lines if line["$device_id"] == f"d{device}"]
        [anonymous] = [line["distinct_id"] for line in of_it if "$user_id" not in line]
        assert anonymous in (f"a{device}", f"b{device}")
        assert sum("$identity_failure_reason" in line for line in of_it) == 1
