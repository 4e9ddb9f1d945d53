"""Random persons who send all kinds of records, each with a mark of its own in everything that it sends."""

import random
from collections.abc import Sequence
from typing import Any

from tests.support.ingest.bodies import ALPHA, GAMMA, PROJECTS, KnownProject, dumps
from tests.support.loader.expected import SECOND_US
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import join_payloads
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events, ingest_updates
from trackway.ingest.split import split_json, split_updates

PEOPLE = 6
SHARED_DEVICE = "everybodys-tablet"


def mark(person: int) -> str:
    return f"zq{person}xé"


def user(person: int) -> str:
    return f"user of {mark(person)}"


def device(person: int, number: int) -> str:
    return f"{number:08d}-0000-4000-8000-{mark(person)}"[:60]


def anonymous(person: int, number: int) -> str:
    return f"{number:08d}-0000-4000-8000-{person:012d}"


def alias(person: int) -> str:
    return f"alias of {mark(person)}"


def all_ids(person: int) -> list[str]:
    """All ids that a person ever sends under. Not all of them were linked."""
    devices = [f"$device:{device(person, number)}" for number in (1, 2)]
    return [user(person), alias(person), *devices, *(anonymous(person, number) for number in (1, 2))]


class People:
    """Requests of some persons, one after the other; times in microseconds after a beginning."""

    def __init__(self, seed: int, began_us: int):
        self._random = random.Random(seed)
        self._now_us = began_us
        self._sent = 0

    def next(self, records: int, persons: Sequence[int] = range(PEOPLE)) -> bytes:
        """A payload with about so many records of several projects."""
        self._now_us += SECOND_US
        payloads = [
            self._events(ALPHA, [self._event(self._random.choice(persons)) for _ in range(records)]),
            self._events(GAMMA, [self._old_event(self._random.choice(persons)) for _ in range(records)]),
            *(self._profiles(project, self._random.choice(persons)) for project in (ALPHA, GAMMA)),
        ]
        return join_payloads(payloads)

    def _events(self, project: KnownProject, events: list[dict[str, Any]]) -> bytes:
        arrival = Arrival(Endpoint.IMPORT, self._now_us, PROJECTS.get, project=project, strict=True)
        return ingest_events(split_json(dumps(events)), arrival).payload

    def _base(self, person: int) -> dict[str, Any]:
        self._sent += 1
        age_ms = self._random.choice((0, 0, 40 * 86_400_000))
        return {
            "time": self._now_us // 1000 - age_ms,
            "$insert_id": f"insert-{self._sent}",
            "secret": mark(person),
            "plan": self._random.choice(("free", "paid")),
            "price": self._random.randint(1, 9),
        }

    def _event(self, person: int) -> dict[str, Any]:
        """Of simplified mode. A few are rejected."""
        own = {"$device_id": device(person, self._random.randint(1, 2))}
        ids = self._random.choice(
            (
                own,
                own | {"$user_id": user(person)},
                {"$user_id": user(person), "$device_id": SHARED_DEVICE},
                {"distinct_id": user(person)},
                {"$user_id": user(person), "time": "never"},
                own | {"time": "never"},
                {"distinct_id": user(person), "$insert_id": "not good: ä"},
            )
        )
        return {"event": self._random.choice(("seen", "bought")), "properties": self._base(person) | ids}

    def _old_event(self, person: int) -> dict[str, Any]:
        """Of original mode."""
        unnamed = anonymous(person, self._random.randint(1, 2))
        kind = self._random.random()
        base = self._base(person)
        if kind < 0.1:
            return {"event": "$identify", "properties": base | {"$identified_id": user(person), "$anon_id": unnamed}}
        if kind < 0.2:
            linked = {"distinct_id": user(person), "alias": alias(person)}
            return {"event": "$create_alias", "properties": base | linked}
        chosen = self._random.choice((user(person), unnamed, alias(person)))
        return {"event": self._random.choice(("seen", "bought")), "properties": base | {"distinct_id": chosen}}

    def _profiles(self, project: KnownProject, person: int) -> bytes:
        arrival = Arrival(Endpoint.ENGAGE, self._now_us, PROJECTS.get)
        updates = [
            {"$token": project.token, "$distinct_id": user(person), "$set": {"name": mark(person)}},
            {"$token": project.token, "$distinct_id": user(person), "$what": {"name": mark(person)}},
        ]
        return ingest_updates(split_updates(dumps(updates), lines=False), arrival).payload
