"""Flows over HTTP: what persons do around an event, by hand and against the model, and what is refused."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.bookmarks import save_report
from tests.support.report_model.sent_events import Sent, load
from tests.support.reports import ask_report, at, post_report, report
from tests.support.server import Project, Server

DAYS = {"type": "between", "from_date": "2025-03-01", "to_date": "2025-03-02"}


def story(person: str, text: str, **own: Any) -> list[Sent]:
    """`A 1:00 x` is event A of the person at that time, with item x."""
    events = []
    for number, each in enumerate(text.split(", ")):
        name, when, *item = each.split(" ")
        properties = {**own, **({"item": item[0]} if item else {})}
        events.append(
            Sent(name, at(f"2025-03-01T{when}"), f"of-{person}-{number}", {"distinct_id": person}, properties)
        )
    return events


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [project] = make_projects(1)
    load(server, project, [
        *story("ann", "Open 08:00, Login 09:00, Search 09:05, Search 09:06, Buy 09:10, Leave 09:20", plan="pro"),
        *story("bob", "Login 09:00, Search 09:05, Leave 09:10, Login 10:00, Buy 10:05"),
        *story("cid", "Open 08:00, Login 09:00"),
        *story("dot", "Login 09:00, Help 09:01, Buy 09:30"),
        *story("eve", "Search 09:00, Buy 09:10"),
        *story("", "Login 09:00, Buy 09:10"),
    ])  # fmt: skip
    return project


def step(event: str, forward: int = 0, reverse: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "step_label": event,
        "forward": forward,
        "reverse": reverse,
        "bool_op": "and",
        "property_filter_params_list": [],
        **more,
    }


def bookmark(*steps: Any, **more: Any) -> dict[str, Any]:
    return {
        "steps": list(steps),
        "date_range": DAYS,
        "chartType": "sankey",
        "flows_merge_type": "graph",
        "count_type": "unique",
        "cardinality_threshold": 10,
        "version": 2,
        "conversion_window": {"unit": "day", "value": 1},
        "anchor_position": 1,
        "collapse_repeated": False,
        "show_custom_events": True,
        "hidden_events": [],
        "exclusions": [],
        **more,
    }


def ask(server: Server, project: Project, asked: Any, query_type: str = "flows_sankey") -> Any:
    body = {"bookmark": asked, "project_id": project.project_id, "query_type": query_type}
    reply = post_report(server, project, "arb_funnels", body)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def nodes(answer: Any) -> list[dict[str, int]]:
    """The counts of each column's events."""
    return [{node["event"]: int(node["totalCount"]) for node in column["nodes"]} for column in answer["steps"]]


def edges(answer: Any) -> dict[str, int]:
    """`Login@0 > Search@1` and how many went so."""
    return {
        f"{node['event']}@{number} > {edge['event']}@{edge['step']}": int(edge["totalCount"])
        for number, column in enumerate(answer["steps"])
        for node in column["nodes"]
        for edge in node["edges"]
    }


def paths(answer: Any) -> dict[str, int]:
    return {
        " > ".join(each["event"] for each in flow["flowSteps"]): int(flow["totalCount"]) for flow in answer["flows"]
    }


def test_the_graph_after_an_event(server: Server, project: Project) -> None:
    answer = ask(server, project, bookmark(step("Login", forward=2)))
    assert nodes(answer) == [
        {"Login": 4},
        {"Search": 2, "Help": 1, "DROPOFF": 1},
        {"Buy": 1, "Leave": 1, "Search": 1, "DROPOFF": 1},
    ]
    assert edges(answer) == {
        "Login@0 > Search@1": 2, "Login@0 > Help@1": 1, "Login@0 > DROPOFF@1": 1,
        "Search@1 > Leave@2": 1, "Search@1 > Search@2": 1, "Help@1 > Buy@2": 1, "DROPOFF@1 > DROPOFF@2": 1,
    }  # fmt: skip
    assert answer["steps"][0]["nodes"][0] == {
        "event": "Login", "type": "ANCHOR", "anchorType": "NORMAL", "totalCount": "4", "isCustomEvent": False,
        "conversionRateChange": None, "edges": [
            {"event": "Search", "type": "NORMAL", "step": 1, "totalCount": "2"},
            {"event": "Help", "type": "NORMAL", "step": 1, "totalCount": "1"},
            {"event": "DROPOFF", "type": "DROPOFF", "step": 1, "totalCount": "1"},
        ],
    }  # fmt: skip
    assert answer["overallConversionRate"] == 1
    assert answer["metadata"]["totalCount"] == "4"


def test_events_before_an_event_stand_beside_it(server: Server, project: Project) -> None:
    answer = ask(server, project, bookmark(step("Login", reverse=2)))
    assert nodes(answer) == [{}, {"Open": 2}, {"Login": 4}]
    assert edges(answer) == {"Open@1 > Login@2": 2}


def test_between_two_events_are_the_first_and_the_last(server: Server, project: Project) -> None:
    answer = ask(server, project, bookmark(step("Login", forward=1), step("Buy", forward=1, reverse=1)))
    assert nodes(answer) == [
        {"Login": 4},
        {"Search": 2, "Help": 1, "DROPOFF": 1},
        {"Login": 1, "Search": 1, "DROPOFF": 1},
        {"Buy": 3, "DROPOFF": 1},
        {"Leave": 1, "DROPOFF": 3},
    ]
    assert edges(answer)["Help@1 > Buy@3"] == 1
    assert answer["overallConversionRate"] == 0.75


def test_all_flows_count_where_totals_are_asked(server: Server, project: Project) -> None:
    asked = bookmark(step("Login", forward=1), count_type="total")
    assert nodes(ask(server, project, asked))[0] == {"Login": 5}


def test_a_session_ends_flows(server: Server, project: Project) -> None:
    asked = bookmark(step("Login", forward=3), count_type="session", conversion_window={"unit": "session", "value": 1})
    assert paths(ask(server, project, asked, "flows_top_paths")) == {
        "Login > Buy > DROPOFF": 1,
        "Login > DROPOFF": 1,
        "Login > Help > Buy > DROPOFF": 1,
        "Login > Search > Leave > DROPOFF": 1,
        "Login > Search > Search > Buy": 1,
    }


def test_the_most_frequent_paths(server: Server, project: Project) -> None:
    asked = bookmark(step("Login", forward=1), cardinality_threshold=2)
    answer = ask(server, project, asked, "flows_top_paths")
    assert paths(answer) == {"Login > Search": 2, "Login > DROPOFF": 1}
    assert answer["flows"][0]["flowSteps"][1] == {
        "event": "Search", "type": "NORMAL", "anchorType": "RELATIVE_FORWARD", "stepNumber": 1, "totalCount": "2",
    }  # fmt: skip


def test_the_tree(server: Server, project: Project) -> None:
    [tree] = ask(server, project, bookmark(step("Login", forward=1)), "flows")["trees"]
    assert tree["root"]["step"] is None
    [login] = tree["root"]["children"]
    assert (login["totalCount"], login["dropOffTotalCount"], login["convertedTotalCount"]) == ("4", "1", "3")
    assert login["step"] == {
        "event": "Login", "type": "ANCHOR", "anchorType": "NORMAL", "stepNumber": 0, "isComputed": False,
    }  # fmt: skip
    shown = [(child["step"]["event"], child["totalCount"]) for child in login["children"]]
    assert shown == [("Search", "2"), ("Help", "1"), ("DROPOFF", "1")]


def test_what_is_beyond_the_number_of_shown_events_is_one_node(server: Server, project: Project) -> None:
    answer = ask(server, project, bookmark(step("Login", forward=2), cardinality_threshold=1))
    assert nodes(answer) == [
        {"Login": 4}, {"Search": 2, "$other": 1, "DROPOFF": 1}, {"Buy": 1, "$other": 2, "DROPOFF": 1},
    ]  # fmt: skip
    assert edges(answer)["$other@1 > Buy@2"] == 1
    [tree] = ask(server, project, bookmark(step("Login", forward=2), cardinality_threshold=1), "flows")["trees"]
    shown = [(child["step"]["event"], child["totalCount"]) for child in tree["root"]["children"][0]["children"]]
    assert shown == [("Search", "2"), ("$other", "1"), ("DROPOFF", "1")]


def test_events_that_are_hidden_repeated_or_excluded(server: Server, project: Project) -> None:
    asked = step("Login", forward=2)
    hidden = ask(server, project, bookmark(asked, hidden_events=["Search"]))
    assert nodes(hidden)[1:] == [
        {"Buy": 1, "Help": 1, "Leave": 1, "DROPOFF": 1},
        {"Buy": 1, "Leave": 1, "Login": 1, "DROPOFF": 1},
    ]
    collapsed = ask(server, project, bookmark(asked, collapse_repeated=True))
    assert nodes(collapsed)[2] == {"Buy": 2, "Leave": 1, "DROPOFF": 1}
    excluded = ask(server, project, bookmark(asked, exclusions=["Help"]))
    assert nodes(excluded)[0] == {"Login": 3}


def test_filters_of_steps_of_all_events_and_by_cohort(server: Server, project: Project) -> None:
    of = {"name": "plan", "source": "properties", "type": "string"}
    pro = {
        "property": of,
        "type": "string",
        "selected_property_type": "string",
        "filter": {"operator": "==", "operand": ["pro"]},
    }
    filtered = step("Login", forward=1, property_filter_params_list=[pro])
    assert nodes(ask(server, project, bookmark(filtered))) == [{"Login": 1}, {"Search": 1}]
    everything = {
        "operator": "and",
        "children": [
            {
                "propertyName": "plan",
                "filterOperator": "is set",
                "filterType": "string",
                "filterValue": "",
                "resourceType": "events",
            }
        ],
    }
    asked = bookmark(step("Login", forward=1), filter_by_event=everything)
    assert nodes(ask(server, project, asked)) == [{"Login": 1}, {"Search": 1}]
    buyers = {
        "selector": {"property": "behaviors", "value": "b", "operator": ">=", "operand": 1},
        "behaviors": {"b": {"count": {"event_selector": {"event": "Buy"}}, "window": {"unit": "day", "value": 3650}}},
    }
    for negated, count in ((False, 3), (True, 1)):
        cohort = {"raw_cohort": buyers, "name": "Buyers", "negated": negated}
        found = ask(server, project, bookmark(step("Login", forward=1), filter_by_cohort=cohort))
        assert nodes(found)[0] == {"Login": count}


def test_a_saved_report(server: Server, project: Project) -> None:
    saved = save_report(server, project, "flows", bookmark(step("Login", forward=1)))
    answer = report(server, project, "arb_funnels", bookmark_id=saved, query_type="flows_sankey")
    assert nodes(answer)[0] == {"Login": 4}
    other = save_report(server, project, "insights", bookmark(step("Login", forward=1)))
    reply = ask_report(server, project, "arb_funnels", bookmark_id=other)
    assert reply.status == 400
    assert f"bookmark_id {other} is a saved report of type insights, not flows" in reply.body.decode()


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (bookmark(), "steps must have from 1 to 10 events"),
        (bookmark(step("A", forward=6)), "steps.0.forward must be from 0 to 5"),
        (bookmark(step("A"), count_type="persons"), "count_type must be one of unique, total, session, not 'persons'"),
        (bookmark(step("A"), count_type="session"), "count_type session needs a conversion_window of unit session"),
        (bookmark(step("A"), conversion_window={"unit": "session", "value": 2}), "conversion_window.value must be 1"),
        (bookmark(step("A"), conversion_window={"unit": "day", "value": 400}), "conversion_window must be from"),
        (bookmark(step("A"), conversion_window={"unit": "year", "value": 1}), "conversion_window.unit must be one of"),
        (bookmark(step("A"), cardinality_threshold=0), "cardinality_threshold must be from 1 to 50"),
        (bookmark(step("A"), segments=[{"value": "plan"}]), "segments [{'value': 'plan'}] is not supported"),
        (bookmark(step("A"), colour="red"), "Extra inputs are not permitted at bookmark.colour"),
        (bookmark(step("$session_start", session_event="start")), "steps.0.session_event 'start' is not supported"),
        (bookmark(step("$custom_event:7")), "steps.0.event '$custom_event:7' is not supported"),
        (bookmark(step("A"), date_range={"type": "at some time"}), "date_range.type 'at some time' is not supported"),
        (bookmark(step("A"), exclusions=["x"] * 1001), "exclusions must be 1000 events at most"),
        (bookmark(step("A"), filter_by_cohort={"id": 99}), "cohort 99 was not found"),
    ],
)  # fmt: skip
def test_what_is_not_answered_is_refused_by_its_name(server: Server, project: Project, asked: Any, text: str) -> None:
    reply = post_report(server, project, "arb_funnels", {"bookmark": asked, "query_type": "flows_sankey"})
    assert reply.status == 400
    assert text in json.loads(reply.body)["error"]


def test_another_form_is_refused(server: Server, project: Project) -> None:
    reply = ask_report(server, project, "arb_funnels", bookmark=bookmark(step("A")), query_type="pie")
    assert (
        reply.status,
        b"query_type must be one of flows_sankey, flows_top_paths, flows, not 'pie'" in reply.body,
    ) == (400, True)
    assert ask_report(server, project, "arb_funnels").status == 400
