"""One row of the wire tables: a request, the reply it must get, and what the export must then show for it.

Rows are plain values. Three kinds of placeholder stand in them until a row is played: `<token>`, `<secret>` and `<id>`
of the row's own project, `"<now-60>"` for a number of seconds (`"<now-60 ms>"` for milliseconds), and in expectations
`<arrival>` (the second in which the server got the request) and `<generated>` (an `$insert_id` the server made up).
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.http.encodings import JSON, Encoding, as_is
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project

Properties = Mapping[str, Any]
ARRIVAL = "<arrival>"
GENERATED = "<generated>"
OLD = 1_700_000_000
"""A time long ago, in seconds: fine on /import, too old on /track."""

_NUMBER = re.compile(r'"<now([+-]\d+)?( ms)?>"')
_BASIC = re.compile(r"<basic ([^>]*)>")


@dataclass(frozen=True)
class Played:
    """What a row's placeholders mean: the row's project and the clock when the tables began."""

    project: Project
    now_s: int

    def fill(self, text: str) -> str:
        """The text with every placeholder replaced; `<basic user:password>` is encoded last."""
        text = _NUMBER.sub(self._number, text)
        known = {"<token>": self.project.token, "<secret>": self.project.secret, "<id>": str(self.project.project_id)}
        for name, value in known.items():
            text = text.replace(name, value)
        return _BASIC.sub(lambda found: "Basic " + b64encode(found[1].encode()).decode(), text)

    def _number(self, found: re.Match[str]) -> str:
        seconds = self.now_s + int(found[1] or 0)
        return str(seconds * 1000 if found[2] else seconds)


@dataclass(frozen=True)
class Case:
    """A row. `text` is the JSON text (or the records to make it from), `encoding` wraps it into the body, or `target`
    as a function puts it into the query string.

    `reply` is the exact body, or a pattern where the wording is the server's own. `stored` are the exported lines in
    any order; None means that the row stores nothing and needs no look at the export.
    """

    name: str
    source: str
    target: str | Callable[[bytes], str]
    text: str | bytes | Sequence[Any] | Mapping[str, Any] = ""
    encoding: Encoding = as_is
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (JSON,)
    chunk_bytes: int = 0
    status: int = 200
    reply: str | bytes | re.Pattern[str] = "1"
    reply_headers: Mapping[str, str | None] = field(default_factory=dict)
    stored: tuple[dict[str, Any], ...] = ()

    def request(self, played: Played) -> Request:
        """The bytes to send."""
        filled = self._filled(played)
        headers = tuple((name, played.fill(value)) for name, value in self.headers)
        if not isinstance(self.target, str):
            return Request(self.method, played.fill(self.target(filled)), headers)
        target = played.fill(self.target)
        return Request(self.method, target, headers, self.encoding(filled), self.chunk_bytes)

    def _filled(self, played: Played) -> bytes:
        if isinstance(self.text, bytes):
            return played.fill(self.text.decode("latin-1")).encode("latin-1") if b"<" in self.text else self.text
        return played.fill(self.text if isinstance(self.text, str) else compact(self.text)).encode()

    def check_reply(self, played: Played, reply: Reply) -> None:
        """Assert status, body and headers."""
        shown = f"{self.name}: got {reply.status} {reply.body[:2000]!r}"
        assert reply.status == self.status, shown
        if isinstance(self.reply, re.Pattern):
            assert self.reply.fullmatch(reply.body.decode("latin-1")), f"{shown}, expected {self.reply.pattern}"
        else:
            expected = self.reply if isinstance(self.reply, bytes) else played.fill(self.reply).encode()
            assert reply.body == expected, f"{shown}, expected {expected!r}"
        for name, value in self.reply_headers.items():
            assert reply.header(name) == value, f"{self.name}: {name} is {reply.header(name)!r}, expected {value!r}"


def compact(value: Any) -> str:
    """JSON text without blanks, as most SDKs write it."""
    return json.dumps(value, separators=(",", ":"))


def event(
    properties: Properties | None = None,
    *,
    name: Any = "signed up",
    without: Sequence[str] = (),
    top: Properties | None = None,
) -> dict[str, Any]:
    """A record that is fine on every endpoint, but for what the arguments change."""
    defaults = {"token": "<token>", "time": "<now-60>", "distinct_id": "user-1", "$insert_id": "id-1"}
    merged = {**defaults, **(properties or {})}
    kept = {key: value for key, value in merged.items() if key not in without}
    return {"event": name, "properties": kept, **(top or {})}


def stored(
    properties: Properties | None = None, *, endpoint: str = "/track", name: str = "signed up"
) -> dict[str, Any]:
    """The exported line of `event()`, in the order of its keys; properties not of the server's come last."""
    given = dict(properties or {})
    line = {
        "time": given.pop("time", "<now-60>"),
        "distinct_id": given.pop("distinct_id", "user-1"),
        "$insert_id": given.pop("$insert_id", "id-1"),
        **({"$import": True} if endpoint == "/import" else {}),
        "$mp_api_endpoint": endpoint,
        "$mp_api_timestamp_ms": None,
        "mp_processing_time_ms": None,
    }
    return {"event": name, "properties": {**line, **given}}


def imported(properties: Properties | None = None, *, name: str = "signed up") -> dict[str, Any]:
    """`stored` for a record sent to /import."""
    return stored(properties, endpoint="/import", name=name)


@dataclass(frozen=True)
class Window:
    """When a request was under way, in milliseconds since the epoch."""

    sent_ms: int
    answered_ms: int

    def holds_ms(self, ms: Any) -> bool:
        return type(ms) is int and self.sent_ms <= ms <= self.answered_ms

    def holds_s(self, seconds: Any) -> bool:
        return type(seconds) is int and self.sent_ms // 1000 <= seconds <= self.answered_ms // 1000


def check_line(expected: Mapping[str, Any], line: Mapping[str, Any], window: Window) -> None:
    """Assert that one exported line is what a row promised: keys in order, values equal in type too."""
    assert list(line) == ["event", "properties"], line
    assert line["event"] == expected["event"], line
    wanted, got = expected["properties"], dict(line["properties"])
    exact_ms = got.pop("$mp_api_event_time_ms", None)  # what a time in seconds lacks
    assert exact_ms is None or (exact_ms // 1000 == got["time"] and exact_ms % 1000), f"{exact_ms} of {got['time']}"
    assert list(got) == list(wanted), f"keys {list(got)}, expected {list(wanted)}"
    for name, value in wanted.items():
        _check_value(name, value, got[name], window)


def _check_value(name: str, wanted: Any, got: Any, window: Window) -> None:
    if name == "$mp_api_timestamp_ms":
        assert window.holds_ms(got), f"{name} is {got}, the request took place in {window}"
    elif name == "mp_processing_time_ms":
        assert type(got) is int and got >= window.sent_ms, f"{name} is {got}, request in {window}"
    elif wanted == ARRIVAL:
        assert window.holds_s(got), f"{name} is {got}, the request took place in {window}"
    elif wanted == GENERATED:
        assert re.fullmatch(r"[A-Za-z0-9-]{1,36}", got), f"{name} is {got!r}"
    else:
        assert (type(got), got) == (type(wanted), wanted), f"{name} is {got!r}, expected {wanted!r}"
