"""The requests that clients send: three forms of events, and in each some repeats, some `$ignore`, some records that
are wrong; and updates of a few profiles by many clients at once, most of which leave their number in a list.

A random generator goes in, requests come out. Every event has a `$insert_id` and a sequence number of its own, and
every update a sequence number.
"""

import gzip
import json
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.support.crash.ledger import Kind, Record, Sent
from tests.support.server import Project, basic
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT

RECENT = 2000
NAMES = ("Signed up", "Page view", "Käufe ☃")
NO_NAME = {Endpoint.TRACK: "event, missing", Endpoint.IMPORT: "'event' is invalid: must not be missing"}
NO_TIME = "'properties.time' is invalid: must not be missing"
NO_NUMBER = "'$add.count' is invalid: must be a number"
JSON_TYPE = "application/json"
PROFILES = 8
"""Profiles of each project and endpoint; the first three are deleted now and then."""
DELETED_PROFILES = 3
SEEN = "seen"
"""The list to which an update appends its sequence number."""


class Wire(NamedTuple):
    """A request as it goes out."""

    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Traffic:
    """Makes requests of one run for some projects. `padding`: characters of ballast in each event."""

    def __init__(self, rng: random.Random, projects: Sequence[Project], padding: int = 40):
        self._rng = rng
        self._projects = projects
        self._padding = padding
        self._sequence = 0
        self._recent: list[Record] = []

    def single(self) -> tuple[Sent, Wire]:
        """One event to `/track`."""
        record = self._broken_body() if self._rng.random() < 0.03 else self._record(Endpoint.TRACK)
        return Sent(Endpoint.TRACK, [record]), Wire("/track", (("Content-Type", JSON_TYPE),), record.raw)

    def batch(self, size_max: int) -> tuple[Sent, Wire]:
        """A batch to `/track`, of events of several projects."""
        records = [self._record(Endpoint.TRACK) for _ in range(self._rng.randint(2, size_max))]
        return Sent(Endpoint.TRACK, records), Wire("/track", (("Content-Type", JSON_TYPE),), _array(records))

    def imported(self, size_max: int) -> tuple[Sent, Wire]:
        """A gzip batch to `/import?strict=1`, of events of one project."""
        project = self._rng.choice(self._projects)
        count = self._rng.randint(2, size_max)
        records = [self._record(Endpoint.IMPORT, project) for _ in range(count)]
        headers = (("Content-Type", JSON_TYPE), ("Content-Encoding", "gzip"), basic(project.secret))
        body = gzip.compress(_array(records), 1)
        return Sent(Endpoint.IMPORT, records), Wire("/import?strict=1", headers, body)

    def updates(self, size_max: int) -> tuple[Sent, Wire]:
        """A batch of updates to `/engage` or `/groups`, of profiles of several projects."""
        endpoint = self._rng.choice((Endpoint.ENGAGE, Endpoint.GROUPS))
        records = [self._update(endpoint) for _ in range(self._rng.randint(1, size_max))]
        return Sent(endpoint, records), Wire(endpoint.path, (("Content-Type", JSON_TYPE),), _array(records))

    def _update(self, endpoint: Endpoint) -> Record:
        self._sequence += 1
        project, number = self._rng.choice(self._projects), self._rng.randrange(PROFILES)
        names = {"$distinct_id": f"user-{number}"}
        if endpoint is Endpoint.GROUPS:
            names = {"$group_key": "company", "$group_id": f"company-{number}"}
        said = {"$token": project.token, **names, **self._operations(number)}
        if self._rng.random() < 0.05:
            said["$add"] = {"count": "one"}
            return Record(Kind.INVALID, self._sequence, project.project_id, _json(said), said, NO_NUMBER)
        return Record(Kind.UPDATE, self._sequence, project.project_id, _json(said), said)

    def _operations(self, number: int) -> dict[str, Any]:
        """Operations whose result tells how often they were applied, and in which order."""
        sequence = self._sequence
        if number < DELETED_PROFILES and self._rng.random() < 0.1:
            return {"$delete": "", "$unset": [str(sequence)]}
        residue = sequence % 7
        return {
            "$append": {SEEN: sequence},
            "$add": {"count": 1},
            "$set": {"last": sequence, "padding": "x" * self._padding},
            "$set_once": {"first": sequence},
            **self._rng.choice(({"$remove": {"residues": residue}}, {"$union": {"residues": [residue]}})),
        }

    def _record(self, endpoint: Endpoint, project: Project | None = None) -> Record:
        chance = self._rng.random()
        if chance < 0.05 and self._recent:
            repeated = self._rng.choice(self._recent)
            if project is None or repeated.project_id == project.project_id:
                return repeated._replace(kind=Kind.REPEAT)
        if chance < 0.08:
            return self._invalid(endpoint, project or self._rng.choice(self._projects))
        kind = Kind.IGNORED if chance < 0.11 else Kind.EVENT
        record = self._event(kind, endpoint, project or self._rng.choice(self._projects))
        if kind is Kind.EVENT and "time" in record.said["properties"]:
            self._recent = [*self._recent[-RECENT:], record]
        return record

    def _event(self, kind: Kind, endpoint: Endpoint, project: Project) -> Record:
        said = self._said(project)
        if kind is Kind.IGNORED:
            said["properties"]["$ignore"] = True
        if endpoint is Endpoint.TRACK and self._rng.random() < 0.3:
            del said["properties"]["time"]
        return Record(kind, self._sequence, project.project_id, _json(said), said)

    def _invalid(self, endpoint: Endpoint, project: Project) -> Record:
        said = self._said(project)
        if endpoint is Endpoint.IMPORT and self._rng.random() < 0.5:
            del said["properties"]["time"]
            reason = NO_TIME
        else:
            del said["event"]
            reason = NO_NAME[endpoint]
        return Record(Kind.INVALID, self._sequence, project.project_id, _json(said), said, reason)

    def _broken_body(self) -> Record:
        """A body that is no JSON, and so of no project."""
        self._sequence += 1
        raw = b'{"event": "Signed up", "sequence": %d' % self._sequence
        return Record(Kind.COUNTED, self._sequence, NO_PROJECT, raw, {})

    def _said(self, project: Project) -> dict[str, Any]:
        self._sequence += 1
        rng = self._rng
        properties = {
            "token": project.token,
            "time": int(time.time()) - rng.randrange(3 * 24 * 3600),
            "distinct_id": f"user-{rng.randrange(500)}",
            "$insert_id": f"{rng.getrandbits(64):016x}-{self._sequence}",
            "sequence": self._sequence,
            "price": rng.random(),
            "tags": ["a", "ü", None],
            "padding": "x" * self._padding,
        }
        return {"event": rng.choice(NAMES), "properties": properties}


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()


def _array(records: Sequence[Record]) -> bytes:
    return b"[" + b", ".join(record.raw for record in records) + b"]"
