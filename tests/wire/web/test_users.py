"""The page of users: a search finds the people that the API finds, and a cohort of it has the same members."""

import json
import re
import time
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_numbered, record
from tests.support.http.exchange import Request
from tests.support.http.profiles import set_profiles
from tests.support.reports import post_report
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.projects.roles import ROLES
from trackway.web.limits import PEOPLE_LISTED_MAX, PEOPLE_ROWS

HOSTILE = "<img src=x onerror=broken=1>"
PEOPLE: dict[str, dict[str, Any]] = {
    "Anna-7": {
        "$name": "Anna Maria",
        "$email": "anna@Example.com",
        "plan": "pro",
        "age": 41,
        "tags": ["a", "b"],
        "seen": "2025-03-02T09:00:00",
    },
    "bob": {"seen": "2025-03-01T09:00:00", "$name": "Bob", "$email": "bob@other.org", "plan": "free", "age": 7},
    "cara": {"$name": "Cara", "plan": "pro", "age": 100},
    "d-anna": {"plan": "5", "age": 5},
    HOSTILE: {"$name": HOSTILE, "plan": HOSTILE},
}
T0 = 1_740_800_000


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    project, other = make_projects(2)
    set_profiles(server, project, PEOPLE)
    set_profiles(server, other, {"anna of another": {"$name": "Anna", "plan": "pro"}})
    ids = {"Anna-7": 2, "bob": 1, "only-events": 3}
    events = [record(project, "buy", distinct_id=id, time=T0 + n) for id, number in ids.items() for n in range(number)]
    import_numbered(server, project, events)
    server.wait_loaded()
    return project


def address(project: Project, rest: str = "", **fields: Any) -> str:
    return f"/app/projects/{project.project_id}/users{rest}?{urlencode(fields, doseq=True)}"


def shown(visit: Visit, project: Project, **fields: Any) -> str:
    reply = visit.get(address(project, **fields))
    assert reply.status == 200, reply
    return reply.body.decode()


def ids(page: str) -> list[str]:
    """The ids of the list, in order."""
    links = r'<th[^>]*scope="row"[^>]*><a href="[^"]*/users/one[^"]*">([^<]*)</a>'
    return [unescape(each) for each in re.findall(links, page)]


def total(page: str) -> int:
    [number] = re.findall(r'<p class="sum"><b>([0-9 ,.\u202f\u00a0]+)</b>', page)
    return int(re.sub(r"\D", "", number))


def of_api(server: Server, project: Project, **parameters: Any) -> list[str]:
    target = f"/api/2.0/engage?{urlencode(parameters)}"
    reply = server.ask(Request("GET", target, (basic(project.secret),)))
    return [each["$distinct_id"] for each in json.loads(reply.body)["results"]]


SEARCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"search": "ANNA"}, {"search": "ANNA"}),
    ({"search": "example.COM"}, {"search": "example.COM"}),
    ({"search": "-7"}, {"search": "-7"}),
    ({"where": "plan", "is": "is", "value": "pro"}, {"where": 'user["plan"] == "pro"'}),
    ({"where": "plan", "is": "is", "value": "5"}, {"where": 'user["plan"] == "5" or user["plan"] == 5'}),
    ({"where": "age", "is": "above", "value": "40"}, {"where": 'user["age"] > 40'}),
    ({"where": "plan", "is": "not set", "value": ""}, {"where": 'not defined(user["plan"])'}),
    ({"where": "age", "is": "between", "value": "7 to 41"}, {"where": 'user["age"] >= 7 and user["age"] <= 41'}),
    ({"where": "seen", "is": "since", "value": "2025-03-02"},
     {"where": 'user["seen"] >= datetime("2025-03-02T00:00:00")'}),
    ({"where": "seen", "is": "before", "value": "2025-03-02"},
     {"where": 'user["seen"] < datetime("2025-03-02T00:00:00")'}),
    ({"where": "tags", "is": "is", "value": "b"}, {"where": 'any(X, user["tags"], X == "b")'}),
    ({"search": "anna", "where": ["plan", "age"], "is": ["is", "below"], "value": ["pro", "50"]},
     {"search": "anna", "where": 'user["plan"] == "pro" and user["age"] < 50'}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "parameters"), SEARCHES)
def test_a_search_finds_the_people_that_the_api_finds(
    server: Server, project: Project, admin: Visit, fields: dict[str, Any], parameters: dict[str, Any]
) -> None:
    expected, page = of_api(server, project, **parameters), shown(admin, project, **fields)
    assert (ids(page), total(page)) == (expected, len(expected))
    assert expected or not fields.get("search")


@pytest.mark.parametrize("sort", ["age", "$name", "$distinct_id", "plan", "nothing"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_people_are_sorted_as_the_api_sorts_them(
    server: Server, project: Project, admin: Visit, sort: str, order: str
) -> None:
    sent = {"sort_key": sort, "sort_order": "descending" if order == "desc" else "ascending"}
    assert ids(shown(admin, project, sort=sort, order=order)) == of_api(server, project, **sent)


def test_columns_are_those_that_a_visitor_chooses(project: Project, admin: Visit) -> None:
    page = shown(admin, project, column=["age", "tags", "age", " "], search="anna-7")
    heads = re.findall(r'<th scope="col"[^>]*><a href="[^"]*">([^<]*)', page)
    assert [unescape(each) for each in heads][1:] == ["age", "tags"]
    assert re.findall(r'<td data-head="(?:age|tags)">(.*?)</td>', page) == [
        "<code>41</code>",
        "<code>[&#34;a&#34;, &#34;b&#34;]</code>".replace(", ", ","),
    ]
    page = shown(admin, project, search="bob")
    assert "bob@other.org" in page and "Bob" in page


def test_a_long_list_is_paged(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [many] = make_projects(1)
    number = PEOPLE_ROWS * 2 + 3
    set_profiles(server, many, {f"u{n:04}": {"n": n} for n in range(number)})
    server.wait_loaded()
    found: list[str] = []
    for page in (1, 2, 3):
        text = shown(admin, many, sort="n", order="desc", page=page)
        assert total(text) == number
        assert ('rel="prev"' in text, 'rel="next"' in text) == (page > 1, page < 3)
        found += ids(text)
    assert found == [f"u{n:04}" for n in reversed(range(number))]
    assert "Nobody is on this page." in shown(admin, many, page=4)


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"page": "0"}, 400, f"page must be a whole number from 1 to {PEOPLE_LISTED_MAX // PEOPLE_ROWS}"),
        ({"order": "up"}, 400, "order must be one of asc, desc"),
        ({"cohort": "x"}, 404, "this project has no such cohort"),
        ({"cohort": "999999"}, 400, "cohort: cohort 999999 was not found"),
        ({"where": "a", "is": "like", "value": ""}, 400, "is must be one of is, is not, contains"),
        ({"where": "age", "is": "above", "value": "old"}, 400, "age is compared with a number, not with"),
        ({"where": ["a"] * 7, "is": ["set"] * 7, "value": [""] * 7}, 400, "a list has at most 6 filters"),
        ({"column": [f"c{n}" for n in range(13)]}, 400, "and 12 columns"),
        ({"search": "x" * 256}, 400, "search must have at most 255 characters"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(
    project: Project, admin: Visit, fields: dict[str, Any], status: int, error: str
) -> None:
    reply = admin.get(address(project, **fields))
    assert reply.status == status and error in unescape(reply.body.decode()).lower()


def test_a_search_is_saved_as_a_cohort_of_the_same_people_which_reports_know(
    server: Server, project: Project, admin: Visit
) -> None:
    fields = {"search": "ANN", "where": "plan", "is": "is", "value": "pro"}
    assert 'action="' in shown(admin, project, **fields) and "/users/cohort" in shown(admin, project, **fields)
    assert "/users/cohort" not in shown(admin, project)
    reply = admin.post(address(project, "/cohort").rstrip("?"), {**fields, "name": "Anns", "description": "who pay"})
    assert reply.status == 303, reply
    where = dict(reply.headers)["location"]
    number = int(re.findall(r"cohort=(\d+)", where)[0])
    page = admin.get(where).body.decode()
    assert ids(page) == ["Anna-7"] and "The cohort is saved." in page and "Anns" in page
    assert of_api(server, project, filter_by_cohort=json.dumps({"id": number})) == ["Anna-7"]
    path = f"/api/app/projects/{project.project_id}/cohorts/{number}"
    saved = json.loads(server.ask(Request("GET", path, (basic(project.secret),))).body)["results"]
    assert (saved["name"], saved["description"]) == ("Anns", "who pay")
    assert saved["selector"]["children"][1] == {"property": "search", "operator": "in", "operand": "ANN"}
    show = {"behavior": {"type": "event", "name": "buy"}, "measurement": {"math": "total"}}
    chosen = {"filterType": "list", "value": "$cohorts", "filterOperator": "contains",
              "filterValue": [{"cohort": {"id": number, "name": "Anns", "negated": False}}]}  # fmt: skip
    days = {"dateRangeType": "between", "unit": "day", "value": ["2025-03-01", "2025-03-01"]}
    bookmark = {
        "sections": {"show": [show], "time": [days], "filter": [chosen], "group": []},
        "displayOptions": {"chartType": "metric"},
    }
    answer = post_report(server, project, "insights", {"bookmark": bookmark, "project_id": project.project_id})
    assert answer.status == 200, answer
    [series] = json.loads(answer.body)["series"].values()
    assert series == {"all": 2}


def test_a_cohort_of_a_search_has_people_without_a_profile(project: Project, admin: Visit) -> None:
    reply = admin.post(address(project, "/cohort").rstrip("?"), {"search": "ONLY", "name": "Quiet"})
    page = admin.get(dict(reply.headers)["location"]).body.decode()
    assert (ids(page), total(page)) == (["only-events"], 1)
    assert ids(shown(admin, project, search="ONLY")) == []


def test_only_who_may_save_is_offered_a_cohort_and_only_of_a_search(
    server: Server, project: Project, admin: Visit
) -> None:
    for role in ROLES:
        status = 403 if role == "consumer" else 303
        account = new_account(server, {project.project_id: role})
        visit = signed_in(server, account.username, account.secret)
        assert visit.get(address(project)).status == (403 if role == "consumer" else 200)
        asked = {"search": "bob", "name": f"of {role}"}
        assert visit.post(address(project, "/cohort").rstrip("?"), asked).status == status
    reply = admin.post(address(project, "/cohort").rstrip("?"), {"name": "All"})
    assert (reply.status, "A cohort needs a search" in reply.body.decode()) == (400, True)


def test_a_cohort_of_another_project_is_as_unknown_as_none(
    server: Server, project: Project, make_projects: MakeProjects, admin: Visit
) -> None:
    [other] = make_projects(1)
    reply = admin.post(address(project, "/cohort").rstrip("?"), {"search": "bob", "name": "Theirs"})
    number = re.findall(r"cohort=(\d+)", dict(reply.headers)["location"])[0]
    seen = admin.get(address(other, cohort=number))
    assert (seen.status, "was not found" in seen.body.decode()) == (400, True)
    assert "Theirs" not in shown(admin, other)
    made = admin.post(address(other, "/cohort").rstrip("?"), {"cohort": number, "name": "Mine"})
    assert made.status == 400


def test_a_person_is_shown_by_session(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    noon = int(time.time()) // 86_400 * 86_400 - 43_200
    times = [("a", 0), ("b", 600), ("$identify", 1200), ("c", 600 + 1700), ("d", 7200)]
    events = [record(project, name, distinct_id="ann", time=noon + after) for name, after in times]
    import_numbered(server, project, [each for each in events if each["event"] != "$identify"])
    server.wait_loaded()
    page = admin.get(f"/app/projects/{project.project_id}/users/one?id=ann").body.decode()
    timeline = page.partition("<h2>Timeline</h2>")[2]
    heads = re.findall(r"<h3>Session of <time datetime=\"([^\"]*)\"", timeline)
    assert [each[11:19] for each in heads] == ["14:00:00", "12:00:00"]
    assert re.findall(r"(\d+) events?, (less than a minute|\d+ minutes?)", timeline) == [
        ("1", "less than a minute"),
        ("3", "38 minutes"),
    ]


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}])
def test_the_page_in_a_browser(
    project: Project, windows: OpenWindow, session: dict[str, str], options: dict[str, Any]
) -> None:
    window = windows(**options)
    window.take_cookies(session)
    window.open(address(project))
    assert window.violations() == []
    window.fill("Search", "ANNA")
    window.press("Search")
    window.until(lambda: "search=ANNA" in window.path)
    assert "2 users found" in window.text()
    window.wait(window.find("summary:has-text('Save as a cohort')").click())
    assert window.violations() == []
    window.screenshot("users-search")
    window.open(address(project, search="onerror"))
    assert HOSTILE in window.text() and window.run("() => window.broken") is None
    assert window.violations() == [] and not window.is_wider_than_screen()
