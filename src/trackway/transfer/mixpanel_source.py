"""Mixpanel's export and query API, as a migration reads them. trackway has the same API, so it can be a source too."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson

from trackway.domain.errors import StateError
from trackway.transfer.connection import Address, Connection, Stopped
from trackway.transfer.limits import (
    EVENT_NAMES_COMPARED_MAX,
    EVENT_NAMES_PER_REQUEST,
    PROFILE_PAGE_BYTES_MAX,
)
from trackway.transfer.reply_lines import lines_of

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_HOUR_S: Final = 3600.0
_SUFFIXES: Final = {"us": "", "eu": "-eu", "in": "-in"}
REGIONS: Final = tuple(_SUFFIXES)


class Hosts(NamedTuple):
    """The addresses of a source's APIs."""

    data: str
    query: str
    ingestion: str


def hosts_of(region: str) -> Hosts:
    """Mixpanel's hosts of a region."""
    suffix = _SUFFIXES[region]
    query = f"https://{region}.mixpanel.com" if suffix else "https://mixpanel.com"
    return Hosts(f"https://data{suffix}.mixpanel.com", query, f"https://api{suffix}.mixpanel.com")


class Page(NamedTuple):
    """Some profiles, and the session and number of the next page; no session at the end."""

    profiles: list[dict[str, Any]]
    session: str
    next_page: int


class Pace:
    """At most so many requests in any hour; 0 is no limit. `asked`: when requests began, in seconds since the epoch,
    which outlives this process. `save` is called before each request."""

    def __init__(self, hourly: int, asked: list[float], stop: threading.Event, save: Callable[[], object]):
        self._hourly = hourly
        self.asked = asked
        self._stop = stop
        self._save = save

    def wait(self) -> None:
        """Return when one more request may begin, and count it. Raises Stopped."""
        if not self._hourly:
            return
        while True:
            now_s = time.time()
            self.asked[:] = [each for each in self.asked if now_s - _HOUR_S < each <= now_s]
            if len(self.asked) < self._hourly:
                break
            if self._stop.wait(self.asked[-self._hourly] + _HOUR_S - now_s + 0.1):
                raise Stopped
        self.asked.append(now_s)
        self._save()


class MixpanelSource:
    """A project of Mixpanel as a service account reads it. Methods raise StateError for a refusal, and Stopped."""

    def __init__(self, hosts: Hosts, project_id: str, username: str, secret: str, paces: tuple[Pace, Pace]):
        self._stop = threading.Event()
        self._project = {"project_id": project_id}
        self._data, self._query, self._ingestion = (
            Connection(Address(url, username, secret), self._stop) for url in hosts
        )
        self._export_pace, self._query_pace = paces

    def close(self) -> None:
        for each in (self._data, self._query, self._ingestion):
            each.close()

    @contextmanager
    def events(self, day: str) -> Iterator[Iterator[bytes]]:
        """The events of a day, as lines of JSON with times in milliseconds. Raises Broken where they break off."""
        self._export_pace.wait()
        asked = {**self._project, "from_date": day, "to_date": day, "time_in_ms": "true"}
        with self._data.stream("/api/2.0/export", asked) as response:
            yield lines_of(response)

    def profiles(self, group_id: str, session: str, page: int) -> Page:
        """A page of the profiles of users, or of the groups of an id."""
        self._query_pace.wait()
        form = {"page": str(page)} | ({"session_id": session} if session else {})
        form |= {"data_group_id": group_id} if group_id else {}
        body = urlencode(form).encode()
        answer = self._query.ask(
            "POST", "/api/query/engage", self._project, body, _FORM, bytes_max=PROFILE_PAGE_BYTES_MAX
        )
        found = _json(answer.status, answer.body)
        profiles = list(found.get("results", ()))
        size = int(found.get("page_size") or len(profiles) or 1)
        more = len(profiles) >= size
        return Page(profiles, str(found.get("session_id") or "") if more else "", page + 1)

    def counts(self, from_date: str, to_date: str) -> dict[str, int]:
        """The number of events of each day, by the source's own report."""
        return day_counts(self._ask, from_date, to_date)

    def lookup_tables(self) -> list[str]:
        """The names of lookup tables."""
        answer = self._ingestion.ask("GET", "/lookup-tables", self._project)
        found = _json(answer.status, answer.body)
        return [str(each["name"]) for each in found.get("results", ())]

    def _ask(self, path: str, parameters: dict[str, str]) -> Any:
        self._query_pace.wait()
        answer = self._query.ask("GET", path, {**self._project, **parameters})
        return _json(answer.status, answer.body)


def day_counts(ask: Callable[[str, dict[str, str]], Any], from_date: str, to_date: str) -> dict[str, int]:
    """The number of events of each day by the report `events`, which `ask` asks: of the source or of the target."""
    dates = {"from_date": from_date, "to_date": to_date, "type": "general"}
    names = list(ask("/api/query/events/names", {**dates, "limit": str(EVENT_NAMES_COMPARED_MAX)}))
    counts: dict[str, int] = {}
    for begin in range(0, len(names), EVENT_NAMES_PER_REQUEST):
        some = orjson.dumps(names[begin : begin + EVENT_NAMES_PER_REQUEST]).decode()
        found = ask("/api/query/events", {**dates, "unit": "day", "event": some})
        for series in found["data"]["values"].values():
            for at, number in series.items():
                counts[at[:10]] = counts.get(at[:10], 0) + int(number)
    return counts


def _json(status: int, body: bytes) -> Any:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = {}
    if status != 200:
        reason = found.get("error") if isinstance(found, dict) else None
        raise StateError(f"the source refused: {status} {reason or body[:200].decode(errors='replace')}")
    return found
