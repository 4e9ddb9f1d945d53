"""What the rules know of a request besides its records, and the project that a record's token names (protocol §4).

The bounds of a time are the same for all events of a request, so they are counted once, here.
"""

import sys
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from trackway.domain.data_age import FOREVER
from trackway.domain.endpoint import Endpoint
from trackway.domain.region import refusal
from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates, nowhere
from trackway.ingest.limits import TIME_MS_MIN, TRACK_AGE_MS_MAX
from trackway.ingest.outcome import IGNORED, Ignored, Rejected, invalid


class Project(Protocol):
    """What the rules need to know of a project."""

    @property
    def project_id(self) -> int: ...
    @property
    def secret(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def identity_mode(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    def kept_event_days(self, default: int) -> int: ...


class Arrival(msgspec.Struct, frozen=True):
    """One request, without its records.

    - `received_us`: the time of arrival in microseconds since the epoch.
    - `project`: the project of the credentials (`/import`). Without one, `find_project` finds the project of each
      record's token.
    - `hash_address`: the client's address, if `ip=1` asks for a distinct_id made from it.
    - `region`: the server's region. `host`: the name by which the request calls the server. `misled`: this name belongs
      to another region, so nothing is accepted.
    - `place`: the place of records that name none. `place_of` finds the place of an address, `nearest` that of
      coordinates.
    - `rejected_left`: how many original bytes of rejected records may be kept now, by project; for NO_PROJECT, how many
      rows of counts.
    - `now_ms`, `oldest_ms`: the time of arrival and the earliest time of an event, in milliseconds since the epoch.
      They follow from the others, whatever is given.
    - `event_retention`: the days for which projects keep events that say nothing of it, or FOREVER.
    """

    endpoint: Endpoint
    received_us: int
    find_project: Callable[[str], Project | None]
    project: Project | None = None
    strict: bool = False
    hash_address: str | None = None
    accept_unknown_tokens: bool = False
    region: str = "us"
    host: bytes = b""
    misled: bool = False
    place: Place | None = None
    place_of: PlaceOfAddress = nowhere
    nearest: PlaceOfCoordinates = nowhere
    rejected_left: Callable[[int], int] = lambda _project_id: sys.maxsize
    now_ms: int = 0
    oldest_ms: int = 0
    event_retention: int = FOREVER

    def __post_init__(self) -> None:
        now_ms = self.received_us // 1000
        on_track = self.endpoint is Endpoint.TRACK
        msgspec.structs.force_setattr(self, "now_ms", now_ms)
        msgspec.structs.force_setattr(self, "oldest_ms", now_ms - TRACK_AGE_MS_MAX if on_track else TIME_MS_MIN)


def project_of_token(token: Any, arrival: Arrival, missing: Rejected) -> Project | Rejected | Ignored:
    """The project that a record's token names. `missing` rejects a record without a token, and names its field."""
    if not token or type(token) is not str:
        return missing
    project = arrival.find_project(token)
    if project is None:
        return unknown_token(arrival, missing.field)
    if reason := refusal(project.region, arrival.region, arrival.host, misled=arrival.misled):
        return Rejected(missing.field, f"token, {reason}", keep=False)
    return project


def unknown_token(arrival: Arrival, field: str) -> Rejected | Ignored:
    """The outcome of a record whose token, in this field, names no project."""
    return IGNORED if arrival.accept_unknown_tokens else Rejected(field, "token, unknown")


def missing(arrival: Arrival, on_track: Rejected, field: str) -> Rejected:
    """The rejection of an event without this field, which the two endpoints word differently (protocol §3)."""
    return on_track if arrival.endpoint is Endpoint.TRACK else invalid(field, "must not be missing")
