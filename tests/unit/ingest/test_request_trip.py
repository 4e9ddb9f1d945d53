"""The trip of a batch body through the modules of `ingest`: how often the module changes while one event passes.

A stay begins when control enters a module, by a call or a return. A return is a stay in a module that was left before.
The bounds are what was measured last (docs/decisions.md): a change that makes the trip longer has to say so.
"""

import json
import sys
from types import FrameType
from typing import Any, NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.limits import LEARNED_FROM_EVENTS
from trackway.ingest.request import ingest_body
from trackway.projects.project import Project

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)
NOW_S = 1_790_000_000
FOLDER = "/trackway/ingest/"


class Trip(NamedTuple):
    stays: int
    returns: int


def arrival() -> Arrival:
    return Arrival(Endpoint.TRACK, NOW_S * 1_000_000, {PROJECT.token: PROJECT}.get)


def batch(events: int) -> bytes:
    own = {"token": PROJECT.token, "time": NOW_S, "distinct_id": "ann", "plan": "pro"}
    return json.dumps([{"event": "Buy", "properties": own | {"$insert_id": f"id-{n}"}} for n in range(events)]).encode()


def trip(learned: LearnedReaders, *, on_fast_path: int) -> Trip:
    """That of one event."""
    stays: list[str] = []
    running: list[str] = []

    def follow(frame: FrameType, event: str, _argument: Any) -> None:
        _before, within, module = frame.f_code.co_filename.partition(FOLDER)
        if not within or event not in ("call", "return"):
            return
        running.append(module) if event == "call" else running.pop()
        if running and running[-1:] != stays[-1:]:
            stays.append(running[-1])

    body, arrived = batch(1), arrival()
    sys.setprofile(follow)
    try:
        ingested = ingest_body(body, arrived, learned, lines=False)
    finally:
        sys.setprofile(None)
    assert (ingested.accepted, ingested.on_fast_path) == (1, on_fast_path)
    return Trip(len(stays), len(stays) - len(set(stays)))


def test_the_trip_by_the_complete_rules_grows_no_longer() -> None:
    found = trip(LearnedReaders(), on_fast_path=0)
    assert found.stays <= 17 and found.returns <= 8, found


def test_the_trip_by_the_fast_path_grows_no_longer() -> None:
    learned = LearnedReaders()
    ingest_body(batch(LEARNED_FROM_EVENTS), arrival(), learned, lines=False)
    found = trip(learned, on_fast_path=1)
    assert found.stays <= 17 and found.returns <= 8, found
