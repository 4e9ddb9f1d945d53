"""Records what the real browser SDK puts on the wire: `python -m tests.support.recordings.record_browser` renews that.

A page of another origin sends, and a tiny server takes each request as it comes and answers what makes the SDK content.
Ports are the only bytes replaced in the headers; random ids, clock times and addresses of pages stay as they were.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.recordings.record_sdks import AWKWARD, RECORDED, TOKEN
from tests.support.sdk.browser import Chromium, Tab, running_chromium
from tests.support.sdk.website import website

WAIT_S = 10.0
_ORIGIN = re.compile(r"(http://127\.0\.0\.1):\d+")
_REPLIES = {"/flags": b'{"code":200,"flags":{}}', "/settings": b'{"sdk_config":{"config":{}}}'}
_AT_ONCE: dict[str, Any] = {"batch_requests": False}
_JSON: dict[str, Any] = {"api_payload_format": "json"}
_GET: dict[str, Any] = _AT_ONCE | {"api_method": "GET"}
_BEACON: dict[str, Any] = _AT_ONCE | {"api_transport": "sendBeacon"}
Act = Callable[[Tab, str], None]


def main() -> None:
    """Record every call below."""
    with running_chromium() as chromium, website() as site:
        for name, (path, config, act) in _acts().items():
            with _recorder() as (port, taken):
                recorded = _record(chromium, site, port, taken, path, config, act)
            written = {"name": name, **recorded}
            (RECORDED / f"{name}.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
            print(name, written["method"], written["target"][:70])


def _acts() -> dict[str, tuple[str, dict[str, Any], Act]]:
    """Name: the start of `METHOD path` to record, the SDK's configuration, and what is done on the page."""
    post, get, preflight = "POST /", "GET /", "OPTIONS /flags"
    return {
        "browser_track_batch": (post, {"batch_autostart": False}, _batch),
        "browser_track_batch_json": (post, {"batch_autostart": False, **_JSON}, _batch),
        "browser_track": (post, _AT_ONCE, _track),
        "browser_track_json": (post, _AT_ONCE | _JSON, _track),
        "browser_track_verbose": (post, _AT_ONCE | {"verbose": True}, _track),
        "browser_track_no_address": (post, _AT_ONCE | {"ip": False, "test": True}, _track),
        "browser_get": (get, _GET, _track),
        "browser_get_json": (get, _GET | _JSON, _track),
        "browser_get_verbose": (get, _GET | {"verbose": True}, _track),
        "browser_pixel": (get, _GET | {"img": True}, _track),
        "browser_beacon": (post, _BEACON, _track),
        "browser_beacon_json": (post, _BEACON | _JSON, _track),
        "browser_unload": (post, {"batch_flush_interval_ms": 60_000}, _leave),
        "browser_identify": (
            post,
            _AT_ONCE | {"save_referrer": False},
            lambda tab, _site: tab.tell("identify", "üser-1"),
        ),
        "browser_page_view": (post, _AT_ONCE, lambda tab, _site: tab.tell("track_pageview", {"page": "✓ 😀"})),
        "browser_flags_preflight": (preflight, {"flags": True}, lambda _tab, _site: None),
        "browser_flags": ("GET /flags", {"flags": True}, lambda _tab, _site: None),
        "browser_settings": ("GET /settings", {"remote_settings_mode": "fallback"}, lambda _tab, _site: None),
    }


def _track(tab: Tab, _site: str) -> None:
    tab.tell("track", "signed up", AWKWARD)


def _batch(tab: Tab, _site: str) -> None:
    tab.call("track", "signed up", AWKWARD)
    tab.call("track", "paid", {"price": 1.5})
    tab.tell("start_batch_senders")


def _leave(tab: Tab, site: str) -> None:
    tab.call("track", "signed up", AWKWARD)
    tab.open(f"{site}/other")


def _record(
    chromium: Chromium, site: str, port: int, taken: list[dict[str, Any]], path: str, config: dict[str, Any], act: Act
) -> dict[str, Any]:
    tab = chromium.tab()
    tab.open(site)
    tab.start(TOKEN, f"http://127.0.0.1:{port}", **config)
    act(tab, site)
    deadline = time.monotonic() + WAIT_S
    while not (found := [each for each in taken if f"{each['method']} {each['target']}".startswith(path)]):
        assert time.monotonic() < deadline, f"no {path}, only {taken}"
        time.sleep(0.02)
    tab.close()
    assert len(found) == 1, found
    return found[0]


@contextlib.contextmanager
def _recorder() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []

    class Answer(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = [[name, _ORIGIN.sub(r"\1", value)] for name, value in self.headers.items() if name != "Host"]
            headers.insert(0, ["Host", "127.0.0.1"])
            request = {"method": self.command, "target": self.path, "headers": headers, "body": body.decode("latin-1")}
            taken.append(request)
            verbose = b"verbose=1" in self.path.encode()
            plain = b'{"error":null,"status":1}' if verbose else b"1"
            self.answer(_REPLIES.get(self.path.split("?")[0].rstrip("/"), plain))

        do_GET = do_POST = do_OPTIONS = handle_any

        def answer(self, reply: bytes) -> None:
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.send_header("Access-Control-Allow-Headers", "authorization, content-type, traceparent")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Nothing: what was taken is printed by name."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, name="recorder")
    thread.start()
    try:
        yield listening.server_port, taken
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


if __name__ == "__main__":
    main()
