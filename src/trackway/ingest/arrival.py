"""What the rules know of a request besides its records, and the project that a record's token names (protocol §4)."""

import sys
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.domain.region import refusal
from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates, nowhere
from trackway.ingest.outcome import IGNORED, Ignored, Rejected


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
