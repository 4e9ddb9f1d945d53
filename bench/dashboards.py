"""How long a dashboard takes: until its page is there, and until all its cards are.

Six saved reports about ten million events are its cards. A signed-in visitor opens it as a browser does: first the
page, then the cards that the page names, as many at a time as the page says. Before each load every report is saved
with other days, and the server keeps no results.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bench.imports import percentile
from bench.questions.questions import QUESTIONS, Days
from bench.server import Keys, Server, ask

_CARD_S_MAX: Final = 120
_DAYS: Final = 30
_EVENT: Final = "Page View"
_STEPS: Final = (_EVENT, "Add to Cart", "Purchase")
_PASSWORD: Final = re.compile(r"password\s+(\S+)")
_CSRF: Final = re.compile(r'name="csrf" content="([^"]*)"')
_CARD: Final = re.compile(r'data-card="([^"]*)"')
_AT_ONCE: Final = re.compile(r'data-at-once="([0-9]+)"')


class Loads(NamedTuple):
    """95 of 100 loads had the page within `page_p95_s`, and all cards within `complete_p95_s`."""

    page_p95_s: float
    complete_p95_s: float


class _Visitor:
    """A browser's cookies, without a browser."""

    def __init__(self, port: int):
        self._port = port
        self._cookies: dict[str, str] = {}

    def sign_in(self, password: str) -> None:
        self._form("/app/sign-in", {"name": "admin", "secret": password, "next": ""})

    def post(self, path: str, **fields: str) -> str:
        """Send a form; the address to which it leads."""
        found = _CSRF.search(self.get("/app/"))
        assert found, "the page has no form token"
        return self._form(path, {"csrf": unescape(found[1]), **fields})

    def get(self, path: str) -> str:
        reply, body = self._ask("GET", path)
        if reply.status != 200:
            raise RuntimeError(f"{path} answered {reply.status}: {body[:300]}")
        return body

    def _form(self, path: str, fields: Mapping[str, str]) -> str:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self._port}",
        }
        reply, body = self._ask("POST", path, urlencode(fields), headers)
        if reply.status != 303:
            raise RuntimeError(f"{path} answered {reply.status}: {body[:300]}")
        return str(reply.headers["Location"])

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_CARD_S_MAX)
        sent = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        with closing(connection):
            connection.request(method, path, body, {"Accept": "text/html", "Cookie": sent, **headers})
            reply = connection.getresponse()
            for each in reply.headers.get_all("Set-Cookie", []):
                name, _, rest = each.partition("=")
                self._cookies[name] = rest.partition(";")[0]
            return reply, reply.read().decode()


def measure_dashboard(server: Server, data_dir: Path, loads: int) -> Loads:
    """Of the first project of a server that has the events which are asked about."""
    project_id, visitor = _project_id(server), _Visitor(server.port)
    found = _PASSWORD.search((data_dir / "first-start.txt").read_text())
    assert found, "the first start wrote no password"
    visitor.sign_in(found[1])
    reports = [_save(server.port, project_id, server.first, *each) for each in _documents(_days(0, loads))]
    below = f"/app/projects/{project_id}/dashboards"
    (number,) = re.findall(rf"{below}/([0-9]+)", visitor.post(f"{below}/create", name="Measured"))
    for report_id in reports:
        visitor.post(f"{below}/{number}/add", report=str(report_id), width="half")
    times = []
    for load in range(loads):
        for report_id, (kind, document) in zip(reports, _documents(_days(load, loads)), strict=True):
            _save(server.port, project_id, server.first, kind, document, report_id)
        times.append(_load(visitor, f"{below}/{number}"))
    pages, complete = map(list, zip(*times, strict=True))
    return Loads(percentile(pages, 95), percentile(complete, 95))


def _load(visitor: _Visitor, path: str) -> tuple[float, float]:
    """Seconds until the page, and until the last card."""
    began_s = time.monotonic()
    page = visitor.get(path)
    page_s = time.monotonic() - began_s
    cards, at_once = [unescape(each) for each in _CARD.findall(page)], _AT_ONCE.search(page)
    assert at_once and cards, "the dashboard names no cards"
    with ThreadPoolExecutor(int(at_once[1])) as threads:
        answers = list(threads.map(visitor.get, cards))
    if wrong := [each for each in answers if "<table" not in each]:
        raise RuntimeError(f"a card has no numbers: {wrong[0][:500]}")
    return page_s, time.monotonic() - began_s


def _days(load: int, loads: int) -> Days:
    """Other days in each load."""
    days = QUESTIONS[0].asked(load, loads)
    return days._replace(to_date=days.from_date.fromordinal(days.from_date.toordinal() + _DAYS - 1))


def _documents(days: Days) -> Iterator[tuple[str, dict[str, Any]]]:
    """The type and the document of each of six reports."""
    yield "insights", _document(days, _metric("total"), "line")
    yield "insights", _document(days, _metric("unique"), "line")
    yield "insights", _document(days, _metric("total"), "line", "$browser")
    yield "insights", _document(days, _metric("total"), "line", "item_id")
    funnel = {
        "type": "funnel",
        "resourceType": "events",
        "behaviors": [_event(name) for name in _STEPS],
        "conversionWindowDuration": 7,
        "conversionWindowUnit": "day",
    }
    yield (
        "funnels",
        _document(days, {"behavior": funnel, "measurement": {"math": "conversion_rate_unique"}}, "funnel-steps"),
    )
    retention = {
        "type": "retention",
        "resourceType": "events",
        "behaviors": [_event("$all_events"), _event("$all_events")],
        "retentionUnit": "day",
        "retentionCustomBucketSizes": list(range(1, _DAYS + 1)),
    }
    yield (
        "retention",
        _document(days, {"behavior": retention, "measurement": {"math": "retention_rate"}}, "retention-curve"),
    )


def _metric(math: str) -> dict[str, Any]:
    return {"behavior": _event(_EVENT), "measurement": {"math": math}}


def _event(name: str) -> dict[str, Any]:
    return {"type": "event", "name": name, "resourceType": "events"}


def _document(days: Days, show: Mapping[str, Any], chart: str, by: str = "") -> dict[str, Any]:
    value = [days.from_date.isoformat(), days.to_date.isoformat()]
    sections = {
        "show": [{"type": "metric", **show}],
        "time": [{"dateRangeType": "between", "unit": "day", "value": value}],
        "filter": [],
        "group": [{"value": by, "resourceType": "events"}] if by else [],
    }
    return {"sections": sections, "displayOptions": {"chartType": chart}}


def _save(
    port: int, project_id: int, keys: Keys, kind: str, document: Mapping[str, Any], report_id: int | None = None
) -> int:
    """Save a report, anew or with another document; its id."""
    target = f"/api/app/projects/{project_id}/bookmarks"
    method, target = ("POST", target) if report_id is None else ("PATCH", f"{target}/{report_id}")
    headers = {"Authorization": keys.authorization, "Content-Type": "application/json"}
    body = json.dumps({"name": f"Measured {kind}", "type": kind, "params": document}).encode()
    status, answer = ask(port, method, target, headers, body)
    if status not in (200, 201):
        raise RuntimeError(f"{target} answered {status}: {answer[:300]!r}")
    return int(json.loads(answer)["results"]["id"])


def _project_id(server: Server) -> int:
    """The id of the first project, which the server says of its keys."""
    _, answer = ask(server.port, "GET", "/api/app/me", {"Authorization": server.first.authorization})
    (project_id,) = json.loads(answer)["results"]["projects"]
    return int(project_id)
