"""Journal records for the tests of the loader, and what must become of them, said plainly.

The model walks through the records one event at a time: an event is a duplicate if, and only if, the last stored event
with its key arrived less than 24 hours before it. A profile is what its updates leave behind, one after the other; a
user's update is for the person that the id belongs to by the links of earlier records.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.support.ingest.bodies import ALPHA, BETA, PROJECTS, dumps, record
from tests.support.ingest.stored_events import StoredEvent, entry_events
from tests.support.loader.identity_model import People
from tests.support.loader.profile_model import Profile, plainly
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_KEY, decode_entries
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.journal.log import Record
from trackway.loader.batch import Batch, Count
from trackway.loader.profile_loading import ProfileKey

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
STORY_US = DAY_US + 2 * HOUR_US
BEGAN_US = 1_760_000_000 * SECOND_US


class Sending(NamedTuple):
    """One request: how long after the beginning it came in, and what its events are called.

    Each event is a number, which stands for its `$insert_id`, or None for one made up; -1 is rejected, -2 ignored.
    """

    after_us: int
    events: Sequence[int | None]
    endpoint: Endpoint = Endpoint.TRACK


def event(number: int | None, time_us: int) -> dict[str, Any]:
    """The JSON of one event; every third is of another project."""
    properties: dict[str, Any] = {"time": time_us // 1000, "distinct_id": "u"}
    if number is not None:
        properties |= {"$insert_id": f"insert-id-{number}", "token": (BETA if number % 3 == 0 else ALPHA).token}
    if number == -1:
        properties["distinct_id"] = "null"
    if number == -2:
        properties["$ignore"] = True
    changed = record(properties)
    if number is None:
        del changed["properties"]["$insert_id"]
    return changed


def late_us(began_us: int) -> int:
    """How long after it happened an event of a story comes in: so long that all are of one month, as a partition is."""
    first, last = (datetime.fromtimestamp(us / SECOND_US, UTC).month for us in (began_us, began_us + STORY_US))
    return 0 if first == last else 2 * DAY_US


def payload(sending: Sending, began_us: int = BEGAN_US) -> bytes:
    """The journal payload of a request, made by the real rules."""
    received_us = began_us + sending.after_us
    arrival = Arrival(
        endpoint=sending.endpoint,
        received_us=received_us,
        find_project=PROJECTS.get,
        project=ALPHA if sending.endpoint is Endpoint.IMPORT else None,
    )
    time_us = received_us - late_us(began_us)
    body = dumps([event(number, time_us) for number in sending.events])
    return ingest_events(split_json(body), arrival).payload


Profiles = dict[ProfileKey, dict[str, Any]]


class Expected(NamedTuple):
    """The stored events in order, the profiles that are there, the counts that the store must show, and of each project
    who belongs to whom."""

    stored: list[StoredEvent]
    counts: Counter[Count]
    profiles: Profiles
    people: dict[int, People]


def expected_of(payloads: Sequence[bytes]) -> Expected:
    """What must become of these journal records."""
    last_us: dict[bytes, int] = {}
    stored: list[StoredEvent] = []
    counts: Counter[Count] = Counter()
    profiles: dict[ProfileKey, Profile] = {}
    people: defaultdict[int, People] = defaultdict(People)
    for entry in (each for payload in payloads for each in decode_entries(payload)):
        minute_us = entry.received_us - entry.received_us % 60_000_000
        for each in entry_events(entry):
            duplicate = each.key != NO_KEY and entry.received_us - last_us.get(each.key, -DAY_US) < DAY_US
            if not duplicate:
                last_us[each.key] = entry.received_us
                stored.append(each)
            outcome = "duplicate" if duplicate else "stored"
            counts[Count(entry.project_id, minute_us, entry.endpoint, outcome, "")] += 1  # type: ignore[arg-type]
        for update in entry.updates:
            own = update.as_given or update.group_key
            id = update.profile_id if own else people[entry.project_id].canonical(update.profile_id)
            key = ProfileKey(entry.project_id, update.group_key, id)
            profiles[key] = plainly(profiles.get(key), json.loads(update.operations))
            counts[Count(entry.project_id, minute_us, entry.endpoint, "stored", "")] += 1
        people[entry.project_id].take_all(entry)
        if entry.ignored:
            counts[Count(entry.project_id, minute_us, entry.endpoint, "ignored", "")] += entry.ignored
        for rejection in entry.rejections:
            counts[Count(entry.project_id, minute_us, entry.endpoint, "rejected", rejection.reason)] += 1
    there = {key: profile for key, profile in profiles.items() if profile is not None}
    return Expected(stored, counts, there, people)


def records_of(payloads: Sequence[bytes]) -> list[Record]:
    """The payloads as records of a journal."""
    return [Record(1000 + 100 * number, memoryview(payload)) for number, payload in enumerate(payloads)]


def rows(stored: Sequence[StoredEvent]) -> list[tuple[int, str, int]]:
    """What tells events apart: project, insert_id and arrival."""
    return [(each.project_id, each.insert_id, each.received_us) for each in stored]


def batch_rows(batch: Batch) -> list[StoredEvent]:
    """The events that a batch inserts."""
    return [event for each in batch.events for event in entry_events(each.entry)]
