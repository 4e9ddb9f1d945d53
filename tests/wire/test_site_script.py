"""The browser SDK for web sites: what is served, how long browsers keep it, and who may load it."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http.exchange import Reply, Request
from tests.support.server import Server, running_server
from tests.support.web.visitor import admin_password, signed_in
from trackway.edge.api.site_script import read_site_script

SCRIPT = b"window.mixpanel = { loaded: 'r\xc3\xbccken' };\n" * 200
ORIGIN = ("Origin", "https://shop.example")
PREFIX = "/collect/mp"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdk") / "sdk.js"
    path.write_bytes(SCRIPT)
    return path


@pytest.fixture(scope="module")
def served(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ("--workers", "1", "--browser-sdk-path", str(script), "--path-prefix", PREFIX)
    with running_server(tmp_path_factory.mktemp("served") / "data", *arguments) as server:
        yield server


def get(served: Server, path: str, *headers: tuple[str, str], method: str = "GET") -> Reply:
    return served.ask(Request(method, PREFIX + path, headers))


def lasting_path(script: Path) -> str:
    found = read_site_script(script)
    assert found is not None
    return found.lasting_path


def test_the_script_is_served_to_every_site(served: Server) -> None:
    reply = get(served, "/lib/site.js", ORIGIN)
    assert (reply.status, reply.body) == (200, SCRIPT)
    assert reply.header("content-type") == "text/javascript; charset=utf-8"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") is None
    assert reply.header("cross-origin-resource-policy") == "cross-origin"
    assert reply.header("cache-control") == "public, max-age=3600"


def test_the_address_with_the_digest_lasts_and_an_older_one_gets_the_present_script(
    served: Server, script: Path
) -> None:
    reply = get(served, lasting_path(script))
    assert (reply.status, reply.body) == (200, SCRIPT)
    assert reply.header("cache-control") == "public, max-age=31536000, immutable"
    older = get(served, "/lib/site-0123456789abcdef.js")
    assert (older.status, older.body) == (200, SCRIPT)
    assert older.header("cache-control") == "public, max-age=3600"


def test_the_script_is_sent_packed_to_who_takes_it(served: Server) -> None:
    reply = get(served, "/lib/site.js", ("Accept-Encoding", "br, gzip"))
    assert reply.header("content-encoding") == "gzip"
    assert reply.header("vary") == "Accept-Encoding"
    assert gzip.decompress(reply.body) == SCRIPT and len(reply.body) < len(SCRIPT)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_browser_that_has_the_script_gets_none(served: Server, encoding: str) -> None:
    taken = ("Accept-Encoding", encoding)
    etag = get(served, "/lib/site.js", taken).header("etag") or ""
    reply = get(served, "/lib/site.js", taken, ORIGIN, ("If-None-Match", f"W/{etag}"))
    assert (reply.status, reply.body, reply.header("content-length")) == (304, b"", None)
    assert (reply.header("etag"), reply.header("access-control-allow-origin")) == (etag, "*")
    assert get(served, "/lib/site.js", taken, ("If-None-Match", '"another"')).status == 200


def test_head_preflight_and_other_methods(served: Server) -> None:
    head = get(served, "/lib/site.js", method="HEAD")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", str(len(SCRIPT)))
    assert get(served, "/lib/site.js", ORIGIN, method="OPTIONS").status == 204
    refused = get(served, "/lib/site.js", method="POST")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path", ["/lib", "/lib/", "/lib/other.js", "/lib/site-0.js", "/lib/site.js/", "/lib/../site.js"]
)
def test_nothing_else_is_below_its_folder(served: Server, path: str) -> None:
    assert get(served, path).status == 404


def test_the_events_page_shows_the_tag(served: Server) -> None:
    project = served.create_project()
    admin = signed_in(served, "admin", admin_password(served))
    page = admin.get(f"/app/projects/{project.project_id}/events").body.decode()
    assert f"{PREFIX}/lib/site.js&#34;&gt;&lt;/script&gt;" in page


def test_a_changed_file_is_served_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "sdk.js"
    path.write_bytes(b"first()")
    arguments = ("--workers", "1", "--browser-sdk-path", str(path))
    with running_server(tmp_path / "data", *arguments) as server:
        path.write_bytes(b"second()")
        assert server.ask(Request("GET", "/lib/site.js")).body == b"first()"
    with running_server(tmp_path / "data", *arguments) as server:
        assert server.ask(Request("GET", "/lib/site.js")).body == b"second()"


def test_a_server_does_not_start_with_a_script_that_is_not_there(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("trackway")), "serve", "--port", "0"]
    place = ["--data-dir", str(tmp_path / "data"), "--browser-sdk-path", str(tmp_path / "none.js")]
    done = subprocess.run([*command, *place], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"browser_sdk_path {tmp_path / 'none.js'} must be a file, and there is none" in done.stderr
