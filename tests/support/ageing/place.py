"""A journal, a store and a projects database with what lets data age there, and random events of random age."""

import random
import threading
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.erasure.place import ErasurePlace
from tests.support.ingest.bodies import ALPHA, GAMMA, PROJECTS, KnownProject, dumps
from tests.support.loader.story import Place
from trackway.ageing.clock import Clock
from trackway.ageing.worker import Ageing
from trackway.compaction.compactor import Compactor
from trackway.domain.data_age import FOREVER
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import join_payloads
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events, ingest_updates
from trackway.ingest.split import split_json, split_updates
from trackway.store.client import Store

ZONES = {ALPHA.project_id: "America/New_York", GAMMA.project_id: "Asia/Kolkata"}
DAYS_OLD_MAX = 75


class AgeingPlace(ErasurePlace):
    """`place` with what lets data age there. Its worker runs turn by turn."""

    def __init__(self, place: Place, stop: threading.Event):
        super().__init__(place, stop)
        for project_id, zone in ZONES.items():
            self.database.change_settings(project_id, time_zone=zone)

    def ageing(self, store: Store | None = None, default_days: int = FOREVER) -> Ageing:
        """A new worker, as after a restart of its process."""
        chosen = store or self.store
        compactor = Compactor(chosen, self.place.journal.progress(), self.stop, lambda: True)
        progress = self.place.journal.progress()
        clock = Clock(self.projects_at, "us", chosen, self.place.settings.run_dir)
        return Ageing(self.projects_at, "us", default_days, chosen, compactor, clock, progress, self.stop, lambda: True)

    def keep(self, project_id: int, days: int | None) -> None:
        self.database.change_settings(project_id, kept={"event_retention": days})

    def rows(self, project_id: int) -> list[tuple[int, str]]:
        """The time and the insert_id of each stored event, hidden ones too."""
        sql = "SELECT toUnixTimestamp64Milli(time), insert_id FROM events FINAL WHERE project_id = {project:UInt32}"
        return sorted((int(time_ms), str(id)) for time_ms, id in self.store.query(sql, {"project": project_id}))


class OldEvents:
    """Requests with events of the last weeks, one after the other. Some lie within a millisecond of a midnight."""

    def __init__(self, seed: int, now_ms: int):
        self._random = random.Random(seed)
        self._now_ms = now_ms
        self._sent = 0

    def payload(self, number: int) -> bytes:
        return join_payloads([self.events(project, number) for project in (ALPHA, GAMMA)])

    def events(self, project: KnownProject, number: int) -> bytes:
        arrival = Arrival(Endpoint.IMPORT, 1000 * self._now_ms, PROJECTS.get, project=project, strict=True)
        events = [self._event(ZONES[project.project_id]) for _ in range(number)]
        return ingest_events(split_json(dumps(events)), arrival).payload

    def _event(self, zone: str) -> dict[str, object]:
        self._sent += 1
        day = datetime.fromtimestamp(self._now_ms / 1000, ZoneInfo(zone)).date()
        day -= timedelta(days=self._random.randrange(DAYS_OLD_MAX))
        time_ms = midnight_ms(day, zone) + self._random.choice((-1, 0, 1, self._random.randrange(86_000_000)))
        properties = {
            "time": min(time_ms, self._now_ms),
            "distinct_id": f"person {self._random.randrange(4)}",
            "$insert_id": f"insert-{self._sent}",
            "a": self._random.randrange(4),
            "b": self._random.choice(("x", "y")),
        }
        return {"event": self._random.choice(("seen", "bought")), "properties": properties}


def midnight_ms(day: date, zone: str) -> int:
    """When a day begins, by Python's own rules."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def kept_from_ms(days: int, zone: str, now_ms: int) -> int:
    """The first instant that a retention keeps."""
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
    return midnight_ms(today - timedelta(days=days), zone)


def profile_update(project: KnownProject, received_us: int, profile: dict[str, object]) -> bytes:
    """A payload that changes a profile, as it came at some time."""
    arrival = Arrival(Endpoint.ENGAGE, received_us, PROJECTS.get)
    return ingest_updates(split_updates(dumps([{"$token": project.token} | profile]), lines=False), arrival).payload
