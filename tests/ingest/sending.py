"""Hands bodies to the rules the way the edge does, and shows what came of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.ingest.stored_events import StoredEvent, read_events

from trackway.geo.place import Place
from trackway.ingest.alike import SinglesReader
from trackway.ingest.events import Arrival
from trackway.ingest.originals import kept
from trackway.ingest.outcome import Failure
from trackway.ingest.properties import SERVERS_OWN
from trackway.ingest.records import UNREADABLE, decode_record, single_text
from trackway.ingest.request import Ingested, Singles, ingest_body, ingest_singles
from trackway.journal.entry import Endpoint, Link, Rejection, decode_entries
from trackway.limits import ALIKE_LEARNED_FROM

NOW_S = 1_760_000_000
NOW_MS = NOW_S * 1000
DAY_S = 24 * 3600


@dataclass(frozen=True)
class KnownProject:
    project_id: int
    token: str
    secret: str
    region: str = "us"
    identity_mode: str = "simplified"


ALPHA = KnownProject(7, "a" * 32, "secret of alpha")
BETA = KnownProject(8, "b" * 32, "secret of beta")
GAMMA = KnownProject(9, "c" * 32, "secret of gamma", identity_mode="original")
PROJECTS = {project.token: project for project in (ALPHA, BETA, GAMMA)}

HOME, OFFICE, ABROAD, AFLOAT = "192.0.2.10", "192.0.2.70", "198.51.100.1", "198.51.100.2"
PLACES = {
    HOME: Place("Paris", "Île-de-France", "FR", "Europe/Paris"),
    OFFICE: Place('The "Office"', "", "DE", ""),
    ABROAD: Place("", "", "JP", ""),
    AFLOAT: Place("", "", "", "Etc/GMT+5"),
}
HARBOUR = Place("Takoradi", "Western", "GH", "")


def nearest(latitude: float, longitude: float) -> Place | None:
    """One city for all of the earth that lies in the north and east."""
    return HARBOUR if 0 <= latitude <= 90 and 0 <= longitude <= 180 else None


LOCATED: dict[str, Any] = {"place": PLACES[HOME], "place_of": PLACES.get, "nearest": nearest}
"""What a request has that comes from HOME."""


@dataclass(frozen=True)
class Sent:
    """What became of a body: the counts, the stored events, and by project the rejected and ignored records and the
    links that are asked for."""

    ingested: Ingested
    events: list[StoredEvent]
    rejections: dict[int, list[Rejection]]
    ignored: dict[int, int]
    links: dict[int, list[Link]]

    @property
    def failures(self) -> list[Failure]:
        return self.ingested.failures

    @property
    def event(self) -> StoredEvent:
        (only,) = self.events
        return only

    @property
    def failure(self) -> tuple[str, str]:
        (only,) = self.failures
        return only.field, only.message


def arrival(endpoint: Endpoint = Endpoint.TRACK, **changes: Any) -> Arrival:
    """A request at NOW_S; `/import` comes with the credentials of ALPHA."""
    fields: dict[str, Any] = {
        "endpoint": endpoint,
        "received_us": NOW_S * 1_000_000,
        "find_project": PROJECTS.get,
        "project": ALPHA if endpoint is Endpoint.IMPORT else None,
    }
    return Arrival(**(fields | changes))


TRACK = arrival()
IMPORT = arrival(Endpoint.IMPORT)
STRICT = arrival(Endpoint.IMPORT, strict=True)


def send(body: bytes, to: Arrival = TRACK, *, lines: bool = False) -> Sent:
    """Split, apply the rules, read back; and check what holds of every request: the outcomes add up."""
    ingested = ingest_body(body, to, lines=lines)
    entries = decode_entries(ingested.payload)
    sent = Sent(
        ingested,
        read_events(ingested.payload),
        {entry.project_id: entry.rejections for entry in entries if entry.rejections},
        {entry.project_id: entry.ignored for entry in entries if entry.ignored},
        {entry.project_id: entry.links for entry in entries if entry.links},
    )
    assert len({entry.project_id for entry in entries}) == len(entries)
    assert ingested.received == ingested.accepted + ingested.ignored + len(ingested.failures)
    assert ingested.imported == ingested.accepted + ingested.ignored
    assert len(sent.events) == ingested.accepted
    assert sum(sent.ignored.values()) == ingested.ignored
    assert sum(map(len, sent.rejections.values())) == len(ingested.failures) == ingested.rejected.total()
    return sent


def record(changes: dict[str, Any] | None = None, *without: str, name: Any = "a") -> dict[str, Any]:
    """An event that every endpoint accepts, with changed and without some properties."""
    properties = {
        "token": ALPHA.token,
        "time": NOW_S - 60,
        "distinct_id": "u",
        "$insert_id": "insert-id-1",
    } | (changes or {})
    return {"event": name, "properties": {key: value for key, value in properties.items() if key not in without}}


def dumps(value: Any) -> bytes:
    """Compact JSON, not escaped beyond need."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


FILLING = "x "
FILLER = [record({"$insert_id": f"filler-event-{number}", "text": FILLING * 100}) for number in range(50)]
"""Enough plain events that a body of them takes the fast path."""


SPECIAL = SERVERS_OWN | {"$ignore", "$latitude", "$city", "$region", "mp_country_code"}


def like(text: bytes) -> list[bytes]:
    """Plain events with the properties of a record, so that a body of them and the record is one of events alike."""
    try:
        properties = json.loads(text.decode("utf-8", "surrogateescape"))["properties"]
    except (ValueError, KeyError, TypeError):
        properties = {}
    own = {"token", "time", "distinct_id", "$insert_id"} | SPECIAL
    names = set(properties) - own if isinstance(properties, dict) else set()
    fillers = dict.fromkeys(sorted(names), FILLING * (100 // (len(names) or 1) + 8))
    return [dumps(each | {"properties": fillers | each["properties"]}) for each in FILLER]


def forms(text: bytes, plain: Sequence[Mapping[str, Any]] = FILLER) -> list[tuple[str, bytes, bool]]:
    """One record's JSON text in every form of a body: (name, body, whether it is lines); the record comes last.

    `plain` are records enough to make a long body with.
    """
    filler = [dumps(each) for each in plain]
    flat = text.replace(b"\n", b" ")
    return [
        ("alone", text, False),
        ("in a list", b"[" + text + b"]", False),
        ("among many", b"[" + b",".join([*filler, text]) + b"]", False),
        ("among its like", b"[" + b",".join([*like(text), text]) + b"]", False),
        ("as one of many lines like it", b"\n".join([*like(flat), flat]), True),
        ("after a bad one", b"[5," + text + b"]", False),
        ("as a line", flat + b"\r\n", True),
        ("as one of many lines", b"\n".join([*filler, flat]), True),
    ]


def last(sent: Sent, text: bytes) -> StoredEvent | tuple[str, str] | None:
    """What became of the last record of a body: its event, its (field, message), or None when it was ignored."""
    index = sent.ingested.received - 1
    for failure in sent.failures:
        if failure.index == index:
            (rejection,) = [each for group in sent.rejections.values() for each in group if each.index == index]
            assert (rejection.field, rejection.reason) == (failure.field, failure.message)
            assert rejection.original == kept(text)
            return failure.field, failure.message
    return replace(sent.events[-1], links=_links_of_last(sent)) if _was_stored(sent) else None


def _links_of_last(sent: Sent) -> tuple[Link, ...]:
    """What the last event asked for: of the events before it, only those like it name a device and a user."""
    return tuple(link for links in sent.links.values() for link in links if not link.to.startswith(FILLING))


def _was_stored(sent: Sent) -> bool:
    return sent.ingested.ignored == 0


def outcomes(value: Any, to: Arrival) -> Sequence[StoredEvent | tuple[str, str] | None]:
    """What became of one record in each of the forms, and alone when it came that way."""
    text = value if isinstance(value, bytes) else dumps(value)
    found = []
    for _, body, lines in forms(text):
        sent = send(body, to, lines=lines)
        flat = text.replace(b"\n", b" ") if lines else text
        found.append(last(sent, flat))
    return [*found, *_as_single(text, to)]


def _as_single(text: bytes, to: Arrival) -> list[StoredEvent]:
    """The event that came alone when others with its properties had come before; none when it is left out."""
    single = single_text(text)
    if single is None or to.endpoint is not Endpoint.TRACK:
        return []
    reader = SinglesReader()
    try:
        for each in (like(single) * ALIKE_LEARNED_FROM)[:ALIKE_LEARNED_FROM]:
            reader.learn(decode_record(each))
    except UNREADABLE:  # a name that no event can have
        return []
    payload, left_out = ingest_singles([Singles(to, [single])], reader)
    if left_out != [[]]:
        return []
    (event,), links = read_events(payload), [link for entry in decode_entries(payload) for link in entry.links]
    return [replace(event, links=tuple(links))]
