"""Columns of lookup tables in reports, exports and profile queries: `properties["P → column"]`."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.bookmarks import bookmark, grouped, metric
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.lookup.mapped import (
    PRODUCTS,
    ask_mappings,
    map_table,
    mappings,
    new_table,
    replace_table,
    unmap,
)
from tests.support.lookup.requests import deleting
from tests.support.reports import at, post_report, report, values, wait_for_facts
from tests.support.server import Project, Server, basic
from tests.support.waiting import wait_until

DAY = "2025-03-01"
DATES = {"from_date": DAY, "to_date": DAY}
CATEGORY, PRICE = 'properties["P → category"]', 'properties["P → price"]'
SHOES = f'any(X, {CATEGORY}, X == "shoes")'
CARTS = [["P1", "P2", "P4"], ["P2", "P3", "P4"], ["P3", "P4"]]


def carts(project: Project, *values: Any) -> list[dict[str, Any]]:
    """Events `a` of the day with these values of P."""
    return [
        record(project, "a", time=at(f"{DAY} 12:00"), distinct_id=f"u{number}", insert_id=f"e{number}", P=value)
        for number, value in enumerate(values)
    ]


@pytest.fixture
def project(server: Server, make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, make_projects: MakeProjects) -> Project:
    """The worked example: three carts, and the table of products, which P is mapped to."""
    [project] = make_projects(1)
    import_all(server, project, carts(project, *CARTS))
    server.wait_loaded()
    map_table(server, project, new_table(server, project, PRODUCTS), "P")
    return project


def counts(server: Server, project: Project, on: str, **parameters: Any) -> dict[str, float]:
    """Events by a breakdown, on the day."""
    found = values(report(server, project, "segmentation", event="a", on=on, **DATES, **parameters))
    return {name: count for name, [count] in found.items()}


@pytest.mark.parametrize(
    ("on", "where", "expected"),
    [
        ('properties["P"]', "true", {"P1": 1, "P2": 2, "P3": 2, "P4": 3}),
        (CATEGORY, "true", {"pants": 1, "shirt": 2, "shoes": 2, "music": 3}),
        (PRICE, "true", {"100": 1, "54": 2, "109": 2, "199": 3}),
        ('properties["P"]', SHOES, {"P2": 1, "P3": 2, "P4": 2}),
        ('properties["P"]', f"any(X, {PRICE}, X < 100)", {"P1": 1, "P2": 2, "P3": 1, "P4": 2}),
    ],
)
def test_worked_example(server: Server, shop: Project, on: str, where: str, expected: dict[str, float]) -> None:
    assert counts(server, shop, on, where=where) == expected


def test_worked_example_by_category_and_product(server: Server, shop: Project) -> None:
    asked = {"event": "a", "outer": CATEGORY, "inner": 'properties["P"]', **DATES}
    found = report(server, shop, "segmentation/multiseg", **asked)["data"]["values"]
    counted = {
        outer: {name: sum(points.values()) for name, points in inner.items() if any(points.values())}
        for outer, inner in found.items()
    }
    assert counted == {
        "pants": {"P1": 1, "P2": 1, "P4": 1},
        "shirt": {"P1": 1, "P2": 2, "P3": 1, "P4": 2},
        "shoes": {"P2": 1, "P3": 2, "P4": 2},
        "music": {"P1": 1, "P2": 2, "P3": 2, "P4": 3},
    }


def test_answers_are_the_same_from_facts(server: Server, shop: Project) -> None:
    wait_for_facts(server, shop)
    asked = {"event": "a", "on": CATEGORY, "explain": "sql", **DATES}
    [statement] = report(server, shop, "segmentation", **asked)["statements"]
    assert "FROM facts" in statement["sql"]
    assert counts(server, shop, CATEGORY, where=SHOES) == {"shirt": 1, "shoes": 2, "music": 2}


def test_sums_of_a_column_are_not_those_of_its_property(server: Server, project: Project) -> None:
    map_table(server, project, new_table(server, project, "id,price\n1,100\n2,54\n"), "P")
    import_all(server, project, carts(project, 1, 2, 3))
    server.wait_loaded()
    wait_for_facts(server, project)
    sums = {
        on: report(server, project, "segmentation/sum", event="a", on=on, **DATES)["results"][DAY]
        for on in ('properties["P"]', PRICE)
    }
    assert sums == {'properties["P"]': 6, PRICE: 154}


def bound_version(server: Server, project: Project) -> str:
    """The version of the table that a statement binds."""
    asked = {"event": "a", "on": CATEGORY, "explain": "sql", **DATES}
    [statement] = report(server, project, "segmentation", **asked)["statements"]
    [name] = set(re.findall(r"version = \{([a-z0-9_]+):UUID\}", statement["sql"]))
    return str(statement["parameters"][name])


def test_a_statement_binds_the_version_of_the_table(server: Server, shop: Project) -> None:
    before = bound_version(server, shop)
    assert bound_version(server, shop) == before
    replace_table(server, shop, mappings(server, shop)[0]["table_id"], PRODUCTS)
    assert bound_version(server, shop) != before


def test_funnels_retention_and_insights_know_the_columns(server: Server, shop: Project) -> None:
    first = report(server, shop, "retention", born_event="a", event="a", born_where=SHOES, unit="day", **DATES)
    assert first[DAY]["first"] == 2
    steps = json.dumps([{"event": "a", "where": SHOES}])
    assert report(server, shop, "funnels", events=steps, **DATES)["data"][DAY]["steps"][0]["count"] == 2
    asked = bookmark(metric("a"), groups=[grouped("P → category")], days=(DAY, DAY), chart="bar")
    answer = post_report(server, shop, "insights", {"bookmark": asked, "project_id": shop.project_id})
    [series] = json.loads(answer.body)["series"].values()
    assert {name: each["all"] for name, each in series.items() if name != "$overall"} == {
        "pants": 1,
        "shirt": 2,
        "shoes": 2,
        "music": 3,
    }


def exported(server: Server, project: Project, where: str) -> list[str]:
    """The insert_ids of an export of the day."""
    target = f"/api/2.0/export?{urlencode({**DATES, 'where': where})}"
    reply = server.ask(Request("GET", target, (basic(project.secret),)))
    assert reply.status == 200, reply
    return sorted(json.loads(line)["properties"]["$insert_id"] for line in reply.body.splitlines())


def test_exports_know_the_columns(server: Server, shop: Project) -> None:
    assert exported(server, shop, SHOES) == ["e1", "e2"]
    # An operand of `and` is checked in every event before the reply begins.
    target = f"/api/2.0/export?{urlencode({**DATES, 'where': f'{CATEGORY} and true'})}"
    refused = server.ask(Request("GET", target, (basic(shop.secret),)))
    assert (refused.status, b"expected a boolean at character 1" in refused.body) == (400, True)


def test_keys_are_the_texts_of_values(server: Server, project: Project) -> None:
    sent = ["1", 1, 1.0, True, "true", 2.5, "2.50", None, {"a": 1}, [], [1, "1", "none"], ["none"], "", "none"]
    import_all(server, project, carts(project, *sent))
    server.wait_loaded()
    map_table(server, project, new_table(server, project, "id,is\n1,one\ntrue,yes\n2.5,half\n"), "P")
    looked_up = {"one": 4, "yes": 2, "half": 1, "undefined": 8}
    assert counts(server, project, 'properties["P → is"]') == looked_up
    assert exported(server, project, 'defined(properties["P → is"])') == sorted(
        ["e0", "e1", "e2", "e3", "e4", "e5", "e10"]
    )


def test_values_have_the_types_of_the_table_and_lists_are_joined(server: Server, project: Project) -> None:
    csv = 'id,n,t,when,tags\na,3,true,2025-01-01T00:00:00Z,"[""x"",""y""]"\nb,,,,[]\n'
    import_all(server, project, carts(project, "a", "b", ["a", "b"], ["a", "c"]))
    server.wait_loaded()
    map_table(server, project, new_table(server, project, csv), "P")
    assert exported(server, project, 'properties["P → n"] + 1 == 4') == ["e0"]
    assert exported(server, project, 'properties["P → t"] == true') == ["e0"]
    assert exported(server, project, 'datetime(properties["P → when"]) < datetime("2025-02-01")') == ["e0"]
    assert exported(server, project, 'properties["P → tags"] == ["x", "y"]') == ["e0", "e2"]
    assert counts(server, project, 'properties["P → tags"]') == {"x": 3, "y": 3, "undefined": 2}


def test_changes_of_table_and_mapping_count_for_the_next_question(server: Server, project: Project) -> None:
    import_all(server, project, carts(project, "P1", "P2"))
    server.wait_loaded()
    assert counts(server, project, CATEGORY) == {"undefined": 2}
    table_id = new_table(server, project, PRODUCTS)
    mapping = map_table(server, project, table_id, "P")
    assert counts(server, project, CATEGORY) == {"pants": 1, "shirt": 1}
    replace_table(server, project, table_id, "id,category\nP1,hats\n")
    assert counts(server, project, CATEGORY) == {"hats": 1, "undefined": 1}
    assert counts(server, project, PRICE) == {"undefined": 2}
    assert server.ask(deleting(project, table_id)).status == 200
    assert counts(server, project, CATEGORY) == {"undefined": 2}
    assert new_table(server, project, PRODUCTS) == table_id  # tables of one name have one id
    assert counts(server, project, CATEGORY) == {"pants": 1, "shirt": 1}
    unmap(server, project, mapping)
    assert counts(server, project, CATEGORY) == {"undefined": 2}


def test_hostile_names_and_cells_stay_values(server: Server, project: Project) -> None:
    name, column = "P') OR 1=1 -- {x:String} \\\"→", "a → b'); DROP TABLE events --"
    cells = ["'); --", "{project:UInt32}", "=1+1", "ü😀\u2028"]
    rows = "".join(f'k{number},"{cell}"\n' for number, cell in enumerate(cells))
    sent = [
        record(project, "a", time=at(f"{DAY} 12:00"), insert_id=f"e{number}", **{name: f"k{number}"})
        for number in range(len(cells))
    ]
    import_all(server, project, sent)
    server.wait_loaded()
    map_table(server, project, new_table(server, project, f'id,"{column}"\n{rows}'), name)
    assert counts(server, project, f"properties[{json.dumps(f'{name} → {column}')}]") == dict.fromkeys(cells, 1)


def test_a_property_of_that_name_counts_where_no_table_has_it(server: Server, project: Project) -> None:
    event = record(project, "a", time=at(f"{DAY} 12:00"), insert_id="e0", **{"P → category": "own", "P": "P1"})
    import_all(server, project, [event])
    server.wait_loaded()
    assert counts(server, project, CATEGORY) == {"own": 1}
    map_table(server, project, new_table(server, project, PRODUCTS), "P")
    assert counts(server, project, CATEGORY) == {"pants": 1}


def test_tables_and_mappings_of_another_project_are_never_read(
    server: Server, project: Project, make_projects: MakeProjects
) -> None:
    [other] = make_projects(1)
    import_all(server, project, carts(project, "P1"))
    server.wait_loaded()
    theirs = new_table(server, other, "id,category\nP1,theirs\n")
    map_table(server, other, theirs, "P")
    assert counts(server, project, CATEGORY) == {"undefined": 1}
    refused = ask_mappings(server, project, "PUT", body={"property": "P", "table_id": theirs})
    assert (refused.status, json.loads(refused.body)["error"]) == (
        404,
        f"Lookup table with id '{theirs}' was not found.",
    )
    mine = new_table(server, project, "id,category\nP1,mine\n")  # has the same name
    map_table(server, project, mine, "P")
    assert counts(server, project, CATEGORY) == {"mine": 1}


def test_columns_of_profiles_filter_profiles_and_events(server: Server, project: Project) -> None:
    updates = [
        {"$token": project.token, "$distinct_id": id, "$set": {"plan": plan}}
        for id, plan in (("u0", 1), ("u1", 2), ("u2", "none"))
    ]
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(updates).encode())).body == b"1"
    import_all(server, project, carts(project, "a", "b", "c", "d"))
    server.wait_loaded()
    table_id = new_table(server, project, "id,name\n1,free\n2,pro\n", "Plans")
    map_table(server, project, table_id, "plan", "user")

    def profiles(**parameters: str) -> list[str]:
        reply = server.ask(Request("GET", f"/api/2.0/engage?{urlencode(parameters)}", (basic(project.secret),)))
        assert reply.status == 200, reply
        return [each["$distinct_id"] for each in json.loads(reply.body)["results"]]

    wait_until(lambda: len(profiles()) == 3, 30, lambda: "profiles are not loaded")
    column = "plan → name"
    for source in ("properties", "user"):
        assert profiles(where=f'{source}["{column}"] == "pro"') == ["u1"]
    assert profiles(sort_key=f'properties["{column}"]', sort_order="descending") == ["u1", "u0", "u2"]
    assert counts(server, project, f'user["{column}"]') == {"free": 1, "pro": 1, "undefined": 2}
    assert exported(server, project, f'user["{column}"] == "free"') == ["e0"]
    cohort = {"raw_cohort": {"selector": {"property": "user", "value": column, "operator": "==", "operand": "pro"}}}
    assert profiles(filter_by_cohort=json.dumps(cohort)) == ["u1"]
    summary = report(server, project, "engage/stats", action="count()", selector=f'user["{column}"] == "free"')
    assert summary["results"] == 1


def test_events_of_persons_are_looked_up_by_their_id(server: Server, project: Project) -> None:
    import_all(server, project, carts(project, "a", "b"))
    server.wait_loaded()
    map_table(server, project, new_table(server, project, "id,tier\nu1,gold\n", "Tiers"), "distinct_id")
    assert counts(server, project, 'properties["distinct_id → tier"]') == {"gold": 1, "undefined": 1}
    assert exported(server, project, 'properties["distinct_id → tier"] == "gold"') == ["e1"]
