"""No credential that a client sends, right or wrong, is written anywhere but in the database of projects.

Every credential is put in every place of a request where a client may put one, or put one by mistake, in requests that
fail in every way there is; then the logs, the metrics, the replies, and every file of the data directory are searched.
"""

import gzip
import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.http.encodings import FORM, GZIP, JSON
from tests.support.http.exchange import Request
from tests.support.server import Server, running_server
from tests.support.service_accounts import ORGANIZATION, Credentials, new_account
from tests.support.store.process import PASSWORD, RunningStore, migrated_store

ENDPOINTS = ["/track", "/import", "/engage", "/groups", "/api/2.0/engage", "/api/app/rate-limits", "/nothing/here"]
ENDPOINTS += ["/lookup-tables", "/api/app/identity", "/api/app/identity/unlink", ORGANIZATION]
ENDPOINTS += ["/app/sign-in", "/app/"]
BODIES = [b"", b"[]", b"{", b"data=%00", b'{"event":', b"\xff\xfe", b"[" * 100_000, b" " * 2000]
DATES = "from_date=2026-01-01&to_date=2026-01-02"


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, RunningStore]]:
    """A server that logs all it can, and its store."""
    place = tmp_path_factory.mktemp("secrets")
    arguments = ["--rate-limits", "--import-requests-per-hour", "10", "--log-level", "debug", "--workers", "2"]
    arguments += ["--body-bytes-max", "150000"]
    with (
        migrated_store(place / "store") as store,
        running_server(place / "data", "--store-url", store.url, *arguments) as server,
    ):
        yield server, store


def with_header(credential: str) -> Iterator[tuple[str, str]]:
    """As the value of a header."""
    for text in (f"{credential}:", f":{credential}", f"user:{credential}", credential):
        yield "Authorization", "Basic " + b64encode(text.encode()).decode()
        yield "Authorization", "Basic " + text
    for scheme in ("Bearer", "Token", "basic", "Digest", ""):
        yield "Authorization", f"{scheme} {credential}"
    for name in ("Proxy-Authorization", "Cookie", "X-Api-Key", "Referer", "Origin", "Content-Type", "Content-Encoding"):
        yield name, credential


def requests_with(credential: str) -> Iterator[Request]:
    fields = urlencode(dict.fromkeys(("token", "api_key", "api_secret", "secret", "project_id", "verbose"), credential))
    parameters = urlencode({"where": f'"{credential}', "data": credential, "callback": credential, "strict": "1"})
    basic = ("Authorization", "Basic " + b64encode(f"{credential}:".encode()).decode())
    for path in ENDPOINTS:
        for header in with_header(credential):
            yield Request("POST", f"{path}?verbose=1", (JSON, header), b'[{"a":1}]')
        for body in BODIES:
            yield Request("POST", f"{path}?strict=1", (JSON, basic), body)
        yield Request("POST", path, (JSON, GZIP, basic), gzip.compress(b" " * 200_000))
        yield Request("POST", path, (JSON, basic), b"x" * 200_000)
        yield Request("GET", f"{path}?{fields}", (basic,))
        yield Request("POST", f"{path}?{parameters}", (basic,), b"")
        yield Request("POST", path, (FORM, basic), f"{fields}&data=%5B%7B%5D".encode())
        yield Request("POST", f"{path}/{credential}", (basic,), b"")
        yield Request("DELETE", f"{path}?token={credential}", (basic,))
        yield Request("GET", f"{path}?{credential}", (("Host", f"{credential}.example.com"),))
    yield from exports_with(credential)
    yield Request(credential, "/track")
    yield Request("GET", f"/track HTTP/{credential}")


def exports_with(credential: str) -> Iterator[Request]:
    basic = ("Authorization", "Basic " + b64encode(f"{credential}:".encode()).decode())
    for name in ("where=%22", "where=", "event=", "limit=", "to="):
        yield Request("GET", f"/api/2.0/export?{DATES}&{name}{credential}", (basic,))


def requests_of(account: Credentials, project_id: int) -> Iterator[Request]:
    """With the right user name and secret."""
    for path in (*ENDPOINTS, "/api/2.0/export"):
        for named in (f"project_id={project_id}&name=a", f"project_id={project_id + 1}", "project_id=1&project_id=x"):
            yield Request("GET", f"{path}?{DATES}&{named}", (account.basic,))
            yield Request("POST", f"{path}?{named}", (JSON, account.basic), b'{"username":"again"}')
            yield Request("PUT", f"{path}/{account.account_id}?{named}", (account.basic,), b"id,a\n")


def play(server: Server, requests: Iterator[Request]) -> dict[int, int]:
    """How many replies there were of each status."""
    statuses: dict[int, int] = {}
    for request in requests:
        with suppress(OSError, HTTPException):  # a request that is no HTTP may get no answer
            reply = server.ask(request)
            statuses[reply.status] = statuses.get(reply.status, 0) + 1
    return statuses


def holders(server: Server, words: list[str]) -> dict[str, list[str]]:
    """Which files, and pages of the server, hold which of the words; the database of projects is theirs to stand in."""
    needles = {word: [word.encode(), b64encode(f"{word}:".encode()).rstrip(b"=")[:-2]] for word in words}
    files = [path for path in server.data_dir.rglob("*") if path.is_file() and not path.name.startswith("projects.db")]
    texts = {str(path): path.read_bytes() for path in files}
    texts["/metrics"] = server.ask(Request("GET", "/metrics")).body
    texts["/readyz"] = server.ask(Request("GET", "/readyz")).body
    found = {
        name: [word for word, forms in needles.items() if any(form in text for form in forms)]
        for name, text in texts.items()
    }
    return {name: here for name, here in found.items() if here}


def test_a_reply_never_repeats_a_credential(talkative: tuple[Server, RunningStore]) -> None:
    """But for what names a path or is to be called by name: there the client reads its own words."""
    server, _ = talkative
    project = server.create_project()
    for request in requests_with(project.secret):
        if project.secret in request.target or any(project.secret in value for _, value in request.headers):
            continue
        with suppress(OSError, HTTPException):
            reply = server.ask(request)
            told = reply.body + json.dumps(reply.headers).encode()
            assert project.secret.encode() not in told, (request, reply)


def test_no_credential_is_written_anywhere(talkative: tuple[Server, RunningStore]) -> None:
    server, store = talkative
    project, away = server.create_project(), server.create_project(region="eu")
    wrong = secrets.token_hex(16)
    account = new_account(server, {project.project_id: "owner"})
    credentials = [project.secret, project.token, away.secret, away.token, account.secret, wrong]
    assert {200, 201, 401} <= play(server, requests_of(account, project.project_id)).keys()
    statuses: dict[int, int] = {}
    for credential in credentials:
        for status, number in play(server, requests_with(credential)).items():
            statuses[status] = statuses.get(status, 0) + number
    assert {200, 400, 401, 403, 404, 405, 413, 429} <= statuses.keys(), statuses
    store.close()
    assert 503 in play(server, exports_with(project.secret))
    assert holders(server, [*credentials, PASSWORD, urlsplit(store.url).password or ""]) == {}
