"""What is left of an entry without erased persons."""

from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, GAMMA, PROJECTS, KnownProject, dumps
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Entry, Update, decode_entries
from trackway.domain.erased_id import KEY_BYTES, WHOLE_PROJECT, erased_id_hash
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.loader.batch import MINUTE_US, Count
from trackway.loader.erased import ERASED, Erased
from trackway.loader.event_block import taken_apart
from trackway.loader.placed import Placed

NOW_US = 1_760_000_000_000_000
KEY = bytes(KEY_BYTES)


def entry_of(project: KnownProject, *properties: dict[str, Any], name: str = "seen") -> Entry:
    events = [
        {"event": name, "properties": {"time": NOW_US // 1000, "$insert_id": f"id-{number}"} | each}
        for number, each in enumerate(properties)
    ]
    arrival = Arrival(Endpoint.IMPORT, NOW_US, PROJECTS.get, project=project, strict=True)
    [entry] = decode_entries(ingest_events(split_json(dumps(events)), arrival).payload)
    return entry


def erased(project: KnownProject, *ids: str, until_us: int = NOW_US) -> Erased:
    made = Erased(KEY)
    made.add((project.project_id, erased_id_hash(KEY, project.project_id, id.encode()), until_us) for id in ids)
    return made


def left(entry: Entry, of: Erased) -> tuple[list[str], Entry, int]:
    """The ids of the events that are left, the whole entry, and how many records are counted as ignored."""
    [placed], counts = of.without([Placed(1, entry, 1)])
    ids = [piece[1:].decode() for piece in taken_apart(placed.entry.events)[1]] if placed.entry.events.number else []
    minute_us = NOW_US - NOW_US % MINUTE_US
    return ids, placed.entry, counts[Count(entry.project_id, minute_us, entry.endpoint, "ignored", ERASED)]


def test_events_go_by_their_id_until_the_end_of_the_erasure() -> None:
    entry = entry_of(ALPHA, {"distinct_id": "ann"}, {"distinct_id": "bob"}, {"$user_id": "ann", "$device_id": "d"})
    ids, rest, dropped = left(entry, erased(ALPHA, "ann"))
    assert (ids, rest.links, dropped) == (["bob"], [], 2)
    assert left(entry, erased(ALPHA, "ann", until_us=NOW_US - 1))[1] is entry
    assert left(entry, erased(GAMMA, "ann"))[1] is entry
    assert left(entry, erased(ALPHA, "nobody"))[1] == entry


def test_another_user_of_an_erased_device_keeps_its_event_and_its_claim() -> None:
    entry = entry_of(ALPHA, {"$device_id": "d"}, {"$device_id": "d", "$user_id": "bob"})
    ids, rest, dropped = left(entry, erased(ALPHA, "ann", "$device:d"))
    assert (ids, dropped) == (["bob"], 1)
    assert rest.links == entry.links != []


def test_an_event_that_asked_for_a_link_with_an_erased_id_goes_with_the_link() -> None:
    entry = entry_of(GAMMA, {"distinct_id": "bob", "alias": "ann"}, name="$create_alias")
    ids, rest, dropped = left(entry, erased(GAMMA, "ann"))
    assert (ids, rest.links, dropped) == ([], [], 1)


def test_rejected_records_and_updates_go_and_groups_stay() -> None:
    bad = {"distinct_id": "ann", "time": "never"}
    entry = entry_of(ALPHA, bad, bad | {"distinct_id": "bob"})
    assert len(entry.rejections) == 2
    updates = [Update("", "ann", b"{}"), Update("company", "ann", b"{}"), Update("", "bob", b"{}")]
    whole = Entry(entry.version, entry.project_id, NOW_US, entry.endpoint, 0, updates=updates)
    assert len(left(entry, erased(ALPHA, "ann"))[1].rejections) == 1
    _, rest, dropped = left(whole, erased(ALPHA, "ann"))
    assert (rest.updates, dropped) == (updates[1:], 1)


def test_nothing_of_an_erased_project_is_left() -> None:
    entry = entry_of(ALPHA, {"distinct_id": "ann"}, {"distinct_id": "bob", "time": "never"})
    _, rest, dropped = left(entry, erased(ALPHA, WHOLE_PROJECT.decode()))
    assert rest == Entry(entry.version, entry.project_id, NOW_US, entry.endpoint)
    assert dropped == 0


def test_of_two_ends_the_later_one_counts() -> None:
    made = erased(ALPHA, "ann", until_us=NOW_US)
    before = made.changes
    made.add([(ALPHA.project_id, erased_id_hash(KEY, ALPHA.project_id, b"ann"), NOW_US - 5)])
    assert left(entry_of(ALPHA, {"distinct_id": "ann"}), made)[0] == []
    assert made.changes == before + 1


@pytest.mark.parametrize("other", [bytes([1]) * KEY_BYTES, KEY])
def test_a_hash_depends_on_the_key_and_the_project(other: bytes) -> None:
    same = erased_id_hash(KEY, 1, b"ann") == erased_id_hash(other, 1, b"ann")
    assert same is (other == KEY)
    assert erased_id_hash(KEY, 1, b"ann") != erased_id_hash(KEY, 2, b"ann")
