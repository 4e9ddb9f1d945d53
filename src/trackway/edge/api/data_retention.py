"""What a new retention of a project deletes: asked before it is set, by the API, the pages and the command line.

`GET /api/app/retention` counts, for the command line. A PATCH of a project and the page of settings count by the same
function, and change nothing until somebody has confirmed what is deleted.
"""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from trackway.domain.data_age import (
    FOREVER,
    SERVERS_WORD,
    first_kept_ms,
    is_shorter,
    read_retention,
    shown_retention,
)
from trackway.domain.day_start import local_time
from trackway.domain.errors import InvalidInput, RequestError
from trackway.domain.time_zone import zone_of
from trackway.edge.api.endpoint_shell import Query
from trackway.edge.wire.parameter_tables import RETENTION_PREVIEW
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import EVENT_RETENTION, PROFILE_RETENTION, RETENTIONS, Project
from trackway.projects.roles import Right
from trackway.query.aged_data import AgedData, aged_data
from trackway.store.reader import Reader, Readers

PATH: Final = "/api/app/retention"


class Wanted(NamedTuple):
    """New retentions of a project by name; None for what the server says."""

    project: Project
    kept: Mapping[str, int | None]


class Preview(NamedTuple):
    """What new retentions delete at once. Days are those of the project; None without events."""

    events: int
    first_day: date | None
    last_day: date | None
    profiles: int

    @property
    def deletes(self) -> bool:
        return bool(self.events or self.profiles)

    def sentence(self) -> str:
        """As people read it: `this deletes 4,100,000 events of 2024-01-01 to 2024-12-31`."""
        parts = [f"{_number(self.events, 'event')} of {_days(self.first_day, self.last_day)}"] if self.events else []
        parts += [_number(self.profiles, "profile")] if self.profiles else []
        return f"this deletes {' and '.join(parts) or 'nothing'}"

    def shown(self) -> dict[str, Any]:
        """As the API has it."""
        days = {"first_day": self.first_day, "last_day": self.last_day}
        texts = {name: None if day is None else day.isoformat() for name, day in days.items()}
        return {"events": self.events, **texts, "profiles": self.profiles}


def read_kept(values: Mapping[str, object]) -> dict[str, int | None]:
    """Retentions by name: days as a number or its text, `forever`, and None or `default` for what the server says.
    Raises InvalidInput."""
    return {name: _read(name, values[name]) for name in RETENTIONS if name in values}


def _read(name: str, value: object) -> int | None:
    if value is None or value == SERVERS_WORD:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput(f"{name} must be days, 'forever' or null")
    return read_retention(str(value), name)


async def preview(reader: Reader, wanted: Wanted, default_days: int) -> Preview:
    """What new retentions delete that the present ones keep. Raises StoreError."""
    project, now_ms = wanted.project, time.time_ns() // 1_000_000
    present = {EVENT_RETENTION: project.kept_event_days(default_days), PROFILE_RETENTION: project.kept_profile_days}
    otherwise = {EVENT_RETENTION: default_days, PROFILE_RETENTION: FOREVER}
    since = dict.fromkeys(RETENTIONS, 0)
    for name, given in wanted.kept.items():
        days = otherwise[name] if given is None else given
        if is_shorter(days, present[name]):
            since[name] = first_kept_ms(days, project.time_zone, now_ms)
    found = await aged_data(reader, project.project_id, since[EVENT_RETENTION], since[PROFILE_RETENTION])
    return _preview(found, zone_of(project.time_zone).key)


def _preview(found: AgedData, zone: str) -> Preview:
    if not found.events:
        return Preview(0, None, None, found.profiles)
    first, last = (local_time(zone, each).date() for each in (found.first_ms, found.last_ms))
    return Preview(found.events, first, last, found.profiles)


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _days(first: date | None, last: date | None) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def query(default_days: int) -> Query[Wanted]:
    """`GET /api/app/retention`."""

    def read(parameters: Parameters, project: Project) -> Wanted:
        try:
            return Wanted(project, read_kept(parameters))
        except InvalidInput as error:
            raise RequestError(400, str(error)) from error

    async def answer(readers: Readers, wanted: Wanted) -> dict[str, Any]:
        found = await preview(readers.api, wanted, default_days)
        return {
            "status": "ok",
            "event_retention": shown_retention(wanted.project.event_retention),
            "profile_retention": shown_retention(wanted.project.profile_retention),
            "default_event_retention": shown_retention(default_days),
            "deletes": found.shown(),
            "sentence": found.sentence(),
        }

    return Query(RETENTION_PREVIEW, Right.REPORTS, "retention", read, answer, is_counted=lambda _: False)
