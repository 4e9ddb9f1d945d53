"""Events that are older than their project keeps them are rejected, by the fast path and by the complete rules."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.ingest.bodies import ALPHA, BETA, DAY_S, NOW_MS, NOW_S, PROJECTS, arrival, dumps, record, send
from trackway.domain.endpoint import Endpoint
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.limits import LEARNED_FROM_EVENTS, SAMPLED_EVENTS_MIN

ZONE = "Asia/Kolkata"
SHORT = replace(ALPHA, event_retention=3, time_zone=ZONE)
LONG = replace(BETA, event_retention=0)
FOUND = PROJECTS | {SHORT.token: SHORT, LONG.token: LONG}
TODAY = datetime.fromtimestamp(NOW_S, ZoneInfo(ZONE)).date()
FIRST_MS = int(datetime.combine(TODAY - timedelta(days=3), datetime.min.time(), ZoneInfo(ZONE)).timestamp() * 1000)
REASON = "'properties.time' is invalid: must not be older than 3 days, which is how long the project keeps events"


def event(time_ms: int, number: int = 0, **more: Any) -> dict[str, Any]:
    return record({"time": time_ms, "$insert_id": f"insert-{number}", **more})


@pytest.mark.parametrize("endpoint", [Endpoint.TRACK, Endpoint.IMPORT])
def test_the_first_instant_that_is_kept_is_accepted_and_the_one_before_is_not(endpoint: Endpoint) -> None:
    project = SHORT if endpoint is Endpoint.IMPORT else None
    to = arrival(endpoint, project=project, find_project=FOUND.get, strict=endpoint is Endpoint.IMPORT)
    sent = send(dumps([event(FIRST_MS - 1), event(FIRST_MS, 1)]), to)
    assert sent.failure == ("properties.time", REASON)
    assert sent.event.time_ms == FIRST_MS
    [rejection] = sent.rejections[SHORT.project_id]
    assert (rejection.reason, rejection.insert_id) == (REASON, "insert-0")
    assert rejection.original


def test_a_project_says_itself_how_long_it_keeps_events_or_the_server_does() -> None:
    old = event(NOW_MS - 100 * DAY_S * 1000)
    for project, default, is_kept in (
        (LONG, 30, True),
        (BETA, 30, False),
        (BETA, 0, True),
        (replace(BETA, event_retention=101), 30, True),
        (replace(BETA, event_retention=99), 0, False),
    ):
        sent = send(dumps([old]), arrival(Endpoint.IMPORT, project=project, event_retention=default))
        assert bool(sent.events) is is_kept, (project, default)


def test_a_large_batch_loses_only_what_is_too_old_and_the_rest_stays_on_the_fast_path() -> None:
    to = arrival(Endpoint.IMPORT, project=SHORT, strict=True)
    number = 4 * SAMPLED_EVENTS_MIN
    old = range(5, number, 40)
    events = [event(FIRST_MS - 1 if each in old else FIRST_MS, each) for each in range(number)]
    sent = send(dumps(events), to)
    assert [failure.index for failure in sent.failures] == list(old)
    assert {failure.message for failure in sent.failures} == {REASON}
    assert sent.ingested.on_fast_path == number - len(old)


def test_a_learned_reader_asks_each_project_of_a_batch() -> None:
    to = arrival(Endpoint.TRACK, find_project=FOUND.get)
    learned = LearnedReaders()
    for number in range(LEARNED_FROM_EVENTS + 1):
        assert send(dumps([event(NOW_MS, number)]), to, learned=learned).events
    mixed = [event(FIRST_MS - 1, 1), event(FIRST_MS - 1, 2, token=LONG.token), event(NOW_MS, 3)]
    sent = send(dumps(mixed), to, learned=learned)
    assert sent.failure == ("properties.time", REASON)
    assert sorted(each.insert_id for each in sent.events) == ["insert-2", "insert-3"]
