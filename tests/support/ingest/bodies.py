"""Hands bodies to the rules the way the edge does, and shows what came of them."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.support.ingest.stored_events import StoredEvent, read_events
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT, Entry, Rejection, decode_entries
from trackway.domain.link import Link
from trackway.geo.place import Place
from trackway.ingest.arrival import Arrival
from trackway.ingest.coalesce import Singles, ingest_singles
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.limits import LEARNED_FROM_EVENTS, REQUEST_ORIGINALS_BYTES_MAX, SAMPLED_EVENTS_MIN
from trackway.ingest.outcome import Failure, Ingested
from trackway.ingest.prefilter import WORTH_BYTES
from trackway.ingest.raw_fields import UNREADABLE, decode_event
from trackway.ingest.redact import kept
from trackway.ingest.request import ingest_body
from trackway.ingest.rules.properties import SERVERS_OWN
from trackway.ingest.split import single_text

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
    time_zone: str = "UTC"
    event_retention: int | None = None

    def kept_event_days(self, default: int) -> int:
        return default if self.event_retention is None else self.event_retention


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
    counted: dict[str, int]
    """Reasons of rejected records of no project."""

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


def send(body: bytes, to: Arrival = TRACK, *, lines: bool = False, learned: LearnedReaders | None = None) -> Sent:
    """Split, apply the rules, read back; and check what holds of every request: the outcomes add up."""
    ingested = ingest_body(body, to, LearnedReaders() if learned is None else learned, lines=lines)
    entries = entries_of(ingested)
    sent = Sent(
        ingested,
        read_events(ingested.payload) if entries else [],
        {entry.project_id: entry.rejections for entry in entries if entry.rejections},
        {entry.project_id: entry.ignored for entry in entries if entry.ignored},
        {entry.project_id: entry.links for entry in entries if entry.links},
        {reason: number for entry in entries for reason, number in entry.counted},
    )
    assert len({entry.project_id for entry in entries}) == len(entries)
    assert ingested.received == ingested.accepted + ingested.ignored + len(ingested.failures)
    assert ingested.imported == ingested.accepted + ingested.ignored
    assert len(sent.events) == ingested.accepted >= ingested.on_fast_path
    assert sum(sent.ignored.values()) == ingested.ignored
    kept = sum(map(len, sent.rejections.values())) + sum(sent.counted.values())
    assert kept == len(ingested.failures) == ingested.rejected.total()
    return sent


def entries_of(ingested: Ingested) -> list[Entry]:
    """The entries of a request, none where nothing of it is kept."""
    return decode_entries(ingested.payload) if ingested.payload else []


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
"""Plain events, not enough to be sampled."""
LARGE = SAMPLED_EVENTS_MIN // len(FILLER) + 1
"""So many times FILLER are enough."""
FEW = FILLER[:10]
"""What a form of a body costs is its events, not its bytes. So a long body has few events, with a long text."""
_LONG_TEXT = {"text": FILLING * (WORTH_BYTES // len(FEW) // len(FILLING))}
FILLER_TEXTS = [dumps(each | {"properties": each["properties"] | _LONG_TEXT}) for each in FEW]


SPECIAL = SERVERS_OWN | {"$ignore", "$latitude", "$city", "$region", "mp_country_code"}


@functools.lru_cache(maxsize=4)
def like(text: bytes, *, long: bool = True) -> tuple[bytes, ...]:
    """Plain events with the properties of a record, so that a body of them and the record is one of events alike.

    `long`: whether a body of them is long enough to be prefiltered as a whole.
    """
    try:
        properties = json.loads(text.decode("utf-8", "surrogateescape"))["properties"]
    except (ValueError, KeyError, TypeError):
        properties = {}
    own = {"token", "time", "distinct_id", "$insert_id"} | SPECIAL
    names = set(properties) - own if isinstance(properties, dict) else set()
    fillers = dict.fromkeys(sorted(names), FILLING * (100 // (len(names) or 1) + 8))
    text_of_each = _LONG_TEXT if long else {}
    return tuple(dumps(each | {"properties": fillers | each["properties"] | text_of_each}) for each in FEW)


def forms(text: bytes, filler: Sequence[bytes] = FILLER_TEXTS) -> list[tuple[str, bytes, bool]]:
    """One record's JSON text in every form of a body: (name, body, whether it is lines); the record comes last.

    `filler` are records enough to make a long body with.
    """
    flat = text.replace(b"\n", b" ")
    return [
        ("alone", text, False),
        ("in a list", b"[" + text + b"]", False),
        ("among many", b"[" + b",".join([*filler, text]) + b"]", False),
        ("among its like", b"[" + b",".join([*like(text), text]) + b"]", False),
        ("as a line among its like", b"\n".join([*like(flat), flat]), True),
        (
            "in a large batch of its like",
            b"[" + b",".join([*like(text, long=False) * (SAMPLED_EVENTS_MIN // len(FEW) + 1), text]) + b"]",
            False,
        ),
        ("after a bad one", b"[5," + text + b"]", False),
        ("as a line", flat + b"\r\n", True),
        ("as one of many lines", b"\n".join([*filler, flat]), True),
    ]


def last(sent: Sent, text: bytes) -> StoredEvent | tuple[str, str] | None:
    """What became of the last record of a body: its event, its (field, message), or None when it was ignored."""
    index = sent.ingested.received - 1
    for failure in sent.failures:
        if failure.index == index:
            found = [each for group in sent.rejections.values() for each in group if each.index == index]
            if not found:
                assert failure.message in sent.counted and NO_PROJECT not in sent.rejections
                return failure.field, failure.message
            (rejection,) = found
            assert (rejection.field, rejection.reason) == (failure.field, failure.message)
            others = sum(len(each.original) for group in sent.rejections.values() for each in group[:-1])
            has_room = others + len(text) <= REQUEST_ORIGINALS_BYTES_MAX
            assert rejection.original == kept(text) or not (has_room or rejection.original)
            return failure.field, failure.message
    return replace(sent.events[-1], links=_links_of_last(sent)) if _was_stored(sent) else None


def _links_of_last(sent: Sent) -> tuple[Link, ...]:
    """What the last event asked for: of the events before it, only those like it name a device and a user."""
    return tuple(link for links in sent.links.values() for link in links if not link.to.startswith(FILLING))


def _was_stored(sent: Sent) -> bool:
    return sent.ingested.ignored == 0


def outcomes(value: Any, to: Arrival) -> Sequence[StoredEvent | tuple[str, str] | None]:
    """The outcome of one record in each of the forms, among its like after those were learned; and ingested together
    with other requests, if it is accepted that way."""
    text = value if isinstance(value, bytes) else dumps(value)
    found = []
    for name, body, lines in forms(text):
        flat = text.replace(b"\n", b" ") if lines else text
        learned = learned_like(text, body) if "its like" in name else None
        found.append(last(send(body, to, lines=lines, learned=learned), flat))
    return [*found, *_as_single(text, to)]


def learned_like(text: bytes, body: bytes) -> LearnedReaders | None:
    """After enough events like the text, all with the body's token; None where no event can be like it."""
    learned = LearnedReaders()
    try:
        names = learned.names(decode_event(like(text)[0]))
    except UNREADABLE:  # a name that no event can have
        return None
    for _ in range(LEARNED_FROM_EVENTS):
        learned.learn(body, names)
    return learned


def _as_single(text: bytes, to: Arrival) -> list[StoredEvent]:
    """The event that came alone, before and after its like was learned; none when it is left out."""
    single = single_text(text)
    if single is None or to.endpoint is not Endpoint.TRACK:
        return []
    found = []
    for learned in (LearnedReaders(), learned_like(single, single)):
        ingested = ingest_singles([Singles(to, [single])], learned) if learned else None
        if ingested and ingested.left_out == [[]]:
            (event,), entries = read_events(ingested.payload), decode_entries(ingested.payload)
            found.append(replace(event, links=tuple(link for entry in entries for link in entry.links)))
    return found
