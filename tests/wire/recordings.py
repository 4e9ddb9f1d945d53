"""The requests that real SDKs sent (`recorded/`, made by `capture.py`), and how each wraps its JSON text.

A recording holds a token and clock times of its own, so it cannot be sent again as it is. `rows()` takes its JSON text
out, puts placeholders in, and wraps it the same way again; that the wrapping is the same is a test of its own.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.wire.capture import TOKEN
from tests.wire.case import Case, stored
from tests.wire.encodings import Encoding, bare_base64_form, in_query, raw_form
from tests.wire.exchange import Request

RECORDED = Path(__file__).with_name("recorded")
_CLOCK = re.compile(r'"time":1[789]\d{8}\.\d+')


@dataclass(frozen=True)
class Recording:
    """One recorded request, and the functions that wrap JSON text as its SDK did."""

    name: str
    request: Request
    encoding: Encoding | None
    target: str | Callable[[bytes], str]

    def text(self) -> bytes:
        """The JSON text inside, found with the standard library alone."""
        if self.encoding is None:
            return b64decode(parse_qs(urlsplit(self.request.target).query)["data"][0])
        value = self.request.body.split(b"&")[0].removeprefix(b"data=").decode()
        return b64decode(value) if "%7B" not in value else parse_qs(f"data={value}")["data"][0].encode()


def _load(name: str, encoding: Encoding | None, target: str | Callable[[bytes], str]) -> Recording:
    read: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    headers = tuple((key, value) for key, value in read["headers"])
    request = Request(read["method"], read["target"], headers, read["body"].encode("latin-1"))
    return Recording(name, request, encoding, target)


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
    ]


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
        reply=_success(recording.name, len(lines)),
        stored=lines,
    )


def _success(name: str, count: int) -> str:
    if name.startswith("python_import"):
        return f'{{"code":200,"error":null,"num_records_imported":{count},"status":1}}'
    if name.startswith("python") or "verbose" in name:
        return '{"error":null,"status":1}'
    return "1"


def _line(sent: dict[str, Any], is_import: bool) -> dict[str, Any]:
    """What the export shows for an event as the SDK sent it."""
    properties = {key: value for key, value in sent["properties"].items() if key != "token"}
    properties.setdefault("time", "<arrival>")
    return stored(properties, endpoint="/import" if is_import else "/track", name=sent["event"])
