"""The requests that real SDKs sent, and how each wraps its JSON text.

They lie in `recorded/`, made by `capture.py` and `capture_browser.py`. A recording holds a token and clock times of its
own, so it cannot be sent again as it is. `rows()` takes its JSON text out, puts placeholders in, and wraps it the same
way again; that the wrapping is the same is a test of its own.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http.encodings import (
    Encoding,
    bare_base64_form,
    browser_form,
    browser_json_form,
    cesu8,
    in_query,
    raw_form,
)
from tests.support.http.exchange import Request
from tests.support.recordings.record_sdks import TOKEN
from tests.support.wire_tables.replies import PIXEL
from tests.support.wire_tables.row import Case, stored

RECORDED = Path(__file__).with_name("recorded")
_BROWSER_BASE64 = (
    "browser_track",
    "browser_track_batch",
    "browser_track_verbose",
    "browser_track_no_address",
    "browser_beacon",
    "browser_unload",
    "browser_identify",
    "browser_page_view",
)
_BROWSER_JSON = ("browser_track_json", "browser_track_batch_json", "browser_beacon_json")
_BROWSER_GET = ("browser_get", "browser_get_json", "browser_get_verbose", "browser_pixel")
_CLOCK = re.compile(r'"time":1[789]\d{8}\.\d+')


@dataclass(frozen=True)
class Recording:
    """One recorded request, and the functions that wrap JSON text as its SDK did."""

    name: str
    request: Request
    encoding: Encoding | None
    target: str | Callable[[bytes], str]

    def text(self) -> bytes:
        """The JSON text inside, in UTF-8, found with the standard library alone."""
        fields = self.request.body.decode() if self.encoding else urlsplit(self.request.target).query
        value = parse_qs(fields)["data"][0]
        if value[0] in "{[":
            return value.encode()
        text = b64decode(value.replace(" ", "+")).decode("utf-8", "surrogatepass")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()


def _load(name: str, encoding: Encoding | None, target: str | Callable[[bytes], str]) -> Recording:
    read: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    headers = tuple((key, value) for key, value in read["headers"])
    request = Request(read["method"], read["target"], headers, read["body"].encode("latin-1"))
    return Recording(name, request, encoding, target)


def _load_browser(name: str, encoding: Encoding | None) -> Recording:
    """One of the browser's. Its target ends in a clock time, so what stands around the data is taken from it."""
    recorded = _load(name, encoding, "")
    if encoding is not None:
        return replace(recorded, target=recorded.request.target)
    path, _, query = recorded.request.target.partition("?")
    value, _, after = query.removeprefix("data=").partition("&")
    if "%7B" in value:
        return replace(recorded, target=lambda text: f"{path}?{browser_json_form(text).decode()}&{after}")
    return replace(recorded, target=lambda text: f"{in_query(path)(cesu8(text))}&{after}")


def recordings() -> list[Recording]:
    """All of them."""
    python, with_key = raw_form("&verbose=1&ip=0"), raw_form("&verbose=1&ip=0&api_key=api-key")
    node, plain, verbose = bare_base64_form(), "ip=0&verbose=0&", "ip=0&verbose=1&"
    return [
        _load("python_track", python, "/track"),
        _load("python_track_with_insert_id", python, "/track"),
        _load("python_track_buffered", python, "/track"),
        _load("python_import_with_secret", python, "/import"),
        _load("python_import_with_key_and_secret", with_key, "/import"),
        _load("node_track", None, in_query("/track", plain)),
        _load("node_track_verbose", None, in_query("/track", verbose)),
        _load("node_track_batch", node, "/track?ip=0&verbose=0"),
        _load("node_import", None, in_query("/import", plain)),
        _load("node_import_batch", node, "/import?ip=0&verbose=0"),
        *(_load_browser(name, browser_form) for name in _BROWSER_BASE64),
        *(_load_browser(name, browser_json_form) for name in _BROWSER_JSON),
        *(_load_browser(name, None) for name in _BROWSER_GET),
    ]


def side_requests() -> list[Request]:
    """What the browser asks beside events, as it asked."""
    names = ("browser_flags_preflight", "browser_flags", "browser_settings")
    return [_load(name, None, "").request for name in names]


def rows() -> list[Case]:
    """Each recording as a row: sent again with the token, secret and times of now."""
    return [_row(each) for each in recordings()]


def _row(recording: Recording) -> Case:
    text = recording.text().decode().replace(TOKEN, "<token>")
    text = _CLOCK.sub('"time":"<now-60>"', text)
    is_import = "import" in recording.name
    if not is_import:
        text = text.replace('"time":1700000000', '"time":"<now-60>"')
    headers = tuple(
        (name, "<basic <secret>:>" if name == "Authorization" else value)
        for name, value in recording.request.headers
        if name not in ("Host", "Content-Length", "Connection", "Accept-Encoding")
    )
    events = json.loads(text)
    lines = tuple(_line(each, is_import) for each in (events if isinstance(events, list) else [events]))
    return Case(
        recording.name,
        f"recorded: {recording.name.split('_')[0]} SDK",
        recording.target,
        text,
        recording.encoding or (lambda _text: b""),
        recording.request.method,
        headers,
        reply=_success(recording, len(lines)),
        reply_headers=_cross_origin(recording.request),
        stored=lines,
    )


def _success(recording: Recording, count: int) -> str | re.Pattern[str]:
    if recording.name.startswith("python_import"):
        return f'{{"code":200,"error":null,"num_records_imported":{count},"status":1}}'
    if "img=1" in recording.request.target:
        return PIXEL
    parameters = f"{recording.request.target}&{recording.request.body.decode()}"
    return '{"error":null,"status":1}' if "verbose=1" in parameters else "1"


def _cross_origin(request: Request) -> dict[str, str | None]:
    """What lets the browser give the reply to the page (protocol §8)."""
    origin = next((value for name, value in request.headers if name == "Origin"), None)
    if origin is None:
        return {}
    return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}


def _line(sent: dict[str, Any], is_import: bool) -> dict[str, Any]:
    """What the export shows for an event as the SDK sent it."""
    properties = {key: value for key, value in sent["properties"].items() if key != "token"}
    properties.setdefault("time", "<arrival>")
    return stored(properties, endpoint="/import" if is_import else "/track", name=sent["event"])
