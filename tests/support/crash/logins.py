"""Requests of people who log in: devices that become users, in a project of each identity mode.

A few devices and users, so that links meet: in simplified mode every device is now and then used by another user, in
original mode devices are identified, and users get aliases. Profiles are updated by device and by user.
"""

import json
import random
import time
from itertools import count
from typing import Any
from uuid import UUID

from tests.support.crash.ledger import Kind, Record, Sent
from tests.support.crash.traffic import JSON_TYPE, SEEN, Wire
from tests.support.server import Project
from trackway.domain.endpoint import Endpoint

FIRST_SEQUENCE = 1 << 40
"""Sequence numbers begin here, beyond those of `Traffic`."""
DEVICES = 40
USERS = 12
_KNOWN_USER = 0.8
"""The chance that a device is used by the user it is usually used by."""


def device(number: int) -> str:
    return str(UUID(int=number + 1, version=4))


class Logins:
    """Makes requests of one run for a simplified and an original project."""

    def __init__(self, rng: random.Random, simplified: Project, original: Project):
        self._rng = rng
        self._simplified = simplified
        self._original = original
        self._sequences = count(FIRST_SEQUENCE)

    def events(self, size_max: int) -> tuple[Sent, Wire]:
        """A batch to `/track`, of events of both projects."""
        records = [self._event() for _ in range(self._rng.randint(1, size_max))]
        return _sent(Endpoint.TRACK, records)

    def updates(self, size_max: int) -> tuple[Sent, Wire]:
        """A batch to `/engage`, of updates of both projects."""
        records = [self._update() for _ in range(self._rng.randint(1, size_max))]
        return _sent(Endpoint.ENGAGE, records)

    def _event(self) -> Record:
        sequence = next(self._sequences)
        if self._rng.random() < 0.5:
            project, name, ids = self._simplified, *self._simplified_ids()
        else:
            project, name, ids = self._original, *self._original_ids()
        properties = {
            "token": project.token,
            "time": int(time.time()) - self._rng.randrange(3600),
            "$insert_id": f"{self._rng.getrandbits(64):016x}-{sequence}",
            "sequence": sequence,
        }
        return _record(Kind.EVENT, sequence, project, {"event": name, "properties": properties | ids})

    def _simplified_ids(self) -> tuple[str, dict[str, Any]]:
        number = self._rng.randrange(DEVICES)
        ids = {"$device_id": device(number), "distinct_id": f"$device:{device(number)}"}
        if self._rng.random() < 0.5:
            user = self._user_of(number)
            ids |= {"$user_id": user, "distinct_id": user}
        return "Page view", ids

    def _original_ids(self) -> tuple[str, dict[str, Any]]:
        number, chance = self._rng.randrange(DEVICES), self._rng.random()
        user = self._user_of(number)
        if chance < 0.3:
            return "$identify", {"distinct_id": user, "$identified_id": user, "$anon_id": device(number)}
        if chance < 0.5:
            return "$create_alias", {"distinct_id": user, "alias": f"alias-{self._rng.randrange(USERS)}"}
        return "Page view", {"distinct_id": self._rng.choice((user, device(number)))}

    def _user_of(self, number: int) -> str:
        known = self._rng.random() < _KNOWN_USER
        return f"user-{number % USERS if known else self._rng.randrange(USERS)}"

    def _update(self) -> Record:
        sequence, number = next(self._sequences), self._rng.randrange(DEVICES)
        project = self._rng.choice((self._simplified, self._original))
        prefix = "$device:" if project is self._simplified else ""
        ids = (f"{prefix}{device(number)}", self._user_of(number), f"alias-{self._rng.randrange(USERS)}")
        operations = {
            "$append": {SEEN: sequence},
            "$add": {"count": 1},
            "$set": {"last": sequence},
            "$set_once": {"first": sequence},
        }
        said: dict[str, Any] = {"$token": project.token, "$distinct_id": self._rng.choice(ids), **operations}
        if self._rng.random() < 0.1:
            said["$ignore_alias"] = True
        return _record(Kind.UPDATE, sequence, project, said)


def _record(kind: Kind, sequence: int, project: Project, said: dict[str, Any]) -> Record:
    return Record(kind, sequence, project.project_id, json.dumps(said).encode(), said)


def _sent(endpoint: Endpoint, records: list[Record]) -> tuple[Sent, Wire]:
    body = b"[" + b", ".join(record.raw for record in records) + b"]"
    return Sent(endpoint, records), Wire(endpoint.path, (("Content-Type", JSON_TYPE),), body)
