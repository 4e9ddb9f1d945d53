"""Every report answers what the model answers, about random events around days on which clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.report_model.clock import Clock
from tests.support.report_model.project_events import ProjectEvents
from tests.support.report_model.random_projects import RandomProject, random_project
from tests.support.report_model.random_questions import PATHS, question
from tests.support.report_model.reports_by_path import answer, wire
from tests.support.report_model.same_answers import differences
from tests.support.report_model.sent_events import load, seen, set_profiles
from tests.support.reports import report, wait_for_facts
from tests.support.server import Project, ProjectDays, Server
from trackway.edge.api.reports.table import REPORTS

AROUND = {
    "America/Santiago": date(2022, 9, 11),
    "Asia/Beirut": date(2024, 3, 31),
    "Pacific/Apia": date(2011, 12, 30),
    "Europe/Berlin": date(2024, 10, 27),
    "Australia/Lord_Howe": date(2025, 4, 6),
    "America/Havana": date(2024, 11, 3),
    "UTC": date(2024, 2, 29),
    "Asia/Kathmandu": None,
}
"""A day of each zone on which its clocks change, or that it left out; None is today."""
LATE = ("America/Santiago", "Asia/Beirut")
EVENTS = 300
KNOWN = [path for path in PATHS if path in {each.path for each in REPORTS}]


class Loaded:
    """A random project, how the server knows it, and how the model does. It is no dataclass, since a failing test would
    print all of its events."""

    def __init__(self, made: RandomProject, project: Project, model: ProjectEvents) -> None:
        self.made, self.project, self.model = made, project, model


@pytest.fixture(scope="module")
def every(server: Server) -> dict[str, Loaded]:
    """All projects by zone. Half of the events of some come when the other half are in the facts; those of others come
    then at once, so that questions are asked before there are facts, and while they are made."""
    made = {zone: _made(server, zone) for zone in AROUND}
    for zone, each in made.items():
        if zone not in LATE:
            load(server, each.project, each.made.sent[: EVENTS // 2])
    for zone, each in made.items():
        if zone not in LATE:
            wait_for_facts(server, each.project)
    for zone, each in made.items():
        load(server, each.project, each.made.sent[0 if zone in LATE else EVENTS // 2 :])
    return made


def _made(server: Server, zone: str, salt: str = "") -> Loaded:
    """A project without events, and the events that it will have."""
    random, now_ms = Random(zone + salt), _now_ms()
    clock = Clock(zone, random.choice(("monday", "sunday")))
    made = random_project(random, clock, AROUND[zone] or clock.day(now_ms), events=EVENTS, now_ms=now_ms)
    project = server.create_project(days=ProjectDays(*clock))
    set_profiles(server, project, made.profiles)
    return Loaded(made, project, seen(made.sent, clock, now_ms, made.profiles))


def _now_ms() -> int:
    return round(1000 * datetime.now(UTC).timestamp())


@pytest.mark.parametrize("zone", AROUND)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_reports_answer_what_the_model_answers(server: Server, every: dict[str, Loaded], zone: str, seed: int) -> None:
    random, loaded = Random(f"{seed} {zone}"), every[zone]
    path = random.choice(KNOWN)
    asked = question(random, path, loaded.made)
    now = replace(loaded.model, now_ms=_now_ms())
    found = report(server, loaded.project, path, **wire(asked))
    wrong = list(differences(found, answer(path, now, asked), precise=path != "events/top"))
    assert not wrong, (path, asked, wrong[:5])
