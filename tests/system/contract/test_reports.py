"""Reports as their published document shows them: its examples come out, and generated requests get documented replies.

The document leaves zeros out, and a series in any order; here every bucket is there, in order. It documents no reply
but 200.
"""

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import MakeProjects
from tests.support.contract.generated_requests import ASKED, assert_error, check, generated, wire_request
from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.exchange import Reply
from tests.support.report_model import worked_numbers
from tests.support.report_model.project_events import OVERALL
from tests.support.report_model.reports_by_path import wire
from tests.support.report_model.sent_events import Sent, load
from tests.support.report_model.worked_examples import all_events
from tests.support.reports import at, report
from tests.support.server import Project, Server, basic
from trackway.edge.api.reports.table import REPORTS

PATHS = {f"/{each.path}" for each in REPORTS}
AMOUNT = 'properties["amount"]'
ASKED_BY_DOCUMENT: Mapping[str, Mapping[str, Any]] = {
    "/segmentation": {"event": "Signed up", "from_date": "2011-08-06", "to_date": "2011-08-09"},
    "/segmentation/numeric": {"event": "Bought", "on": AMOUNT, "from_date": "2011-08-06", "to_date": "2011-08-09"},
    "/segmentation/sum": {"event": "Game Played", "on": AMOUNT, "from_date": "2019-10-06", "to_date": "2019-10-07"},
    "/segmentation/average": {"event": "Paid", "on": AMOUNT, "from_date": "2011-08-06", "to_date": "2011-08-09"},
    "/events": {
        "event": ["account-page", "splash features"],
        "type": "general",
        "unit": "day",
        "from_date": "2010-05-29",
        "to_date": "2010-05-31",
    },
    "/events/properties": {
        "event": "Viewed page",
        "name": "page",
        "type": "general",
        "unit": "day",
        "from_date": "2010-05-29",
        "to_date": "2010-05-31",
    },
    "/events/properties/top": {"event": "Ad shown", "limit": 2},
    "/events/properties/values": {"event": "Petted", "name": "animal"},
    "/retention": {
        "born_event": "Born",
        "event": "Back",
        "interval_count": 2,
        "from_date": "2012-01-01",
        "to_date": "2012-01-03",
    },
    "/retention/addiction": {
        "event": "Look",
        "unit": "day",
        "addiction_unit": "hour",
        "from_date": "2012-01-01",
        "to_date": "2012-01-02",
    },
}
"""The requests whose answers are the document's examples, for the events of `known`."""
CORRECTED = ("computed_at", "legend_size")
"""Keys whose documented values are not compared: a time, and a number of keys that is wrong in some examples."""


def content(path: str) -> Any:
    methods: dict[str, Any] = resolved(document("query")["paths"][path], "query")
    return methods["get"]["responses"]["200"]["content"]["application/json"]


def _known() -> list[Sent]:
    days = {
        "account-page": ("2010-05-30",),
        "splash features": (*("2010-05-29",) * 6, *("2010-05-30",) * 4, *("2010-05-31",) * 5),
    }
    found: list[tuple[str, str, dict[str, Any]]] = [(name, day, {}) for name, each in days.items() for day in each]
    found += [("Viewed page", day, {"page": "splash features"}) for day in days["splash features"]]
    found += [("Game Played", "2019-10-06", {"amount": 7}), ("Game Played", "2019-10-07", {"amount": 4})]
    animals = {"cat": 4, "dog": 3, "rabbit": 2, "gecko": 1}
    found += [("Petted", "2020-01-01", {"animal": each}) for each, number in animals.items() for _ in range(number)]
    ads = [{"ad version": "b"} | ({"user type": "new"} if place < 91 else {}) for place in range(295)]
    found += [("Ad shown", "2020-01-01", each) for each in ads]
    ids = {"distinct_id": "somebody"}
    return [Sent(name, at(day), f"known-{place}", ids, own) for place, (name, day, own) in enumerate(found)]


@pytest.fixture(scope="module")
def known(server: Server, make_projects: MakeProjects) -> Project:
    """A project with the events of the document's examples."""
    [project] = make_projects(1)
    load(server, project, [*all_events(worked_numbers.EXAMPLES), *_known()])
    return project


def same(found: Any, example: Any) -> bool:
    """Whether an answer is the example, but for zeros, the order of dates, and the last digits of numbers."""
    if isinstance(example, dict) and isinstance(found, dict):
        shown = {key: value for key, value in found.items() if key in example or value != 0}
        return shown.keys() == example.keys() and all(same(shown[key], example[key]) for key in example)
    if isinstance(example, list) and isinstance(found, list) and len(found) == len(example):
        return all(map(same, found, example)) or found == sorted(example)
    if isinstance(example, float):
        return math.isclose(found, example, rel_tol=1e-9)
    return bool(found == example)


@pytest.mark.parametrize("path", sorted(ASKED_BY_DOCUMENT.keys() & PATHS))
def test_example_of_the_document_comes_out(server: Server, known: Project, path: str) -> None:
    documented = content(path)
    example = documented["examples"]["example"]["value"]
    found = report(server, known, path[1:], **wire(ASKED_BY_DOCUMENT[path]))
    validate(documented["schema"], example, found)
    corrections = {name: found[name] for name in CORRECTED if name in found} if isinstance(found, dict) else {}
    assert same(found, example | corrections if corrections else example), found


def test_names_and_top_events_are_as_documented(server: Server, project: Project) -> None:
    names = content("/events/names")["examples"]["example"]["value"]
    now_ms = round(time.time() * 1000)
    often = [name for number, name in enumerate(names) for _ in range(len(names) - number)]
    ids = {"distinct_id": "somebody"}
    load(server, project, [Sent(name, now_ms, f"known-{place}", ids) for place, name in enumerate(often)])
    assert report(server, project, "events/names", type="general") == names
    documented = content("/events/top")
    found = report(server, project, "events/top", type="general")
    validate(documented["schema"], documented["examples"]["example"]["value"], found)
    assert [each["event"] for each in found["events"]] == names


def test_funnel_is_as_documented(server: Server, known: Project) -> None:
    asked: dict[str, Any] = {
        "from_date": "2012-01-01",
        "to_date": "2012-01-03",
        "events": [{"event": "Born"}, {"event": "Back"}],
    }
    found = report(server, known, "funnels", **asked)
    documented = content("/funnels")
    schema = copy.deepcopy(documented["schema"])
    step = schema["properties"]["data"]["additionalProperties"]["properties"]["steps"]["items"]["properties"]
    for name in ("avg_time", "avg_time_from_start"):
        step[name]["type"] = ["integer", "null"]  # its description says null for the first step
    validate(schema, {"meta": {"dates": []}, "data": {}}, found)
    shown = documented["examples"]["example"]["value"]["data"]["2016-09-12"]
    for day in found["data"].values():
        validate({}, {"steps": shown["steps"][:1], "analysis": shown["analysis"]}, day)
    assert [each["steps"][0]["count"] for each in found["data"].values()] == [2, 10, 10]


def _documented_parts(found: Any) -> list[Any]:
    """What the document shows of an answer. It shows no breakdown of persons' reports, which has an answer by value."""
    if isinstance(found, dict) and OVERALL in found:
        return list(found.values())
    if isinstance(found, dict) and OVERALL in found.get("data", {}):
        return [{"data": part} for part in found["data"].values()]
    return [found]


def check_reply(path: str) -> Callable[[Reply, Any], None]:
    schema = content(path)["schema"]

    def check_one(reply: Reply, _case: Any) -> None:
        assert reply.status in {200, 400, 401}
        if reply.status != 200:
            assert_error(reply)
        elif reply.header("content-type") == "application/json":
            for part in _documented_parts(json.loads(reply.body)):
                validate(schema, None, part)

    return check_one


@pytest.mark.parametrize("path", sorted(ASKED_BY_DOCUMENT.keys() & PATHS))
def test_any_generated_request_gets_a_documented_reply(server: Server, known: Project, path: str) -> None:
    plausible = st.fixed_dictionaries({}, optional=_plausible(path))

    @settings(ASKED, max_examples=25)
    @given(case=generated("query", path, "GET"), sensible=plausible, named=st.booleans())
    def ask(case: Any, sensible: dict[str, str], named: bool) -> None:
        own = (basic(known.secret),) if named else ()
        request = wire_request(case, f"/api/query{path}", own, {"project_id": str(known.project_id)} | sensible)
        check(check_reply(path), request, server.ask(request), case)

    ask()


def _plausible(path: str) -> dict[str, st.SearchStrategy[str]]:
    """Parameters that a generated request would rarely have right."""
    asked = wire(ASKED_BY_DOCUMENT[path])
    return {name: st.just(value) for name, value in asked.items()}
