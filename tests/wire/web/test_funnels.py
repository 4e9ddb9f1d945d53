"""The pages of funnels: their numbers are those of the API, and the users that they list are those who are counted."""

import re
from html import unescape
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.events import import_numbered, record
from tests.support.http.profiles import set_profiles
from tests.support.reports import at, report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.report_page import address, answer_to_curl, csv_rows, shown, sql_shown
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.commands.demo_shop import Shop

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
STEPS = ("Product viewed", "Added to cart", "Checkout started", "Order placed")
QUESTION = {**{f"event{number}": event for number, event in enumerate(STEPS, 1)}, **RANGE}
DEAR = [*({"event": name} for name in STEPS[:3]), {"event": STEPS[3], "where": 'properties["amount"] > 30'}]
HOSTILE = "<img src=x onerror=broken=1>"
DAY_S = 86_400


@pytest.fixture(scope="module")
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, project: Project) -> Shop:
    shop = load_demo_shop(server, project)
    set_profiles(server, project, shop.profiles)
    return shop


def of_api(server: Server, project: Project, **parameters: Any) -> Any:
    """The steps of the API's report of the whole range; with `on` those of each value."""
    asked = {"events": [{"event": name} for name in STEPS], "length": "14", "length_unit": "day", "interval": "30"}
    dates = {"from_date": "2025-03-01", "to_date": "2025-03-30"}
    [found] = report(server, project, "funnels", **{**asked, **dates, **parameters})["data"].values()
    return found


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({}, {}),
        ({"counted": "general", "window": "2", "window_unit": "hour"},
         {"count_type": "general", "length": "2", "length_unit": "hour"}),
        ({"order": "any"}, {"order": "any"}),
        ({"reentry": "optimized"}, {"reentry": "optimized"}),
        ({"exclude": "Page viewed", "after": "1", "before": "3"},
         {"exclusions": [{"event": "Page viewed", "steps": {"from": 1, "to": 3}}]}),
        ({"where": "device", "is": "is", "value": "phone"}, {"where": 'properties["device"] == "phone"'}),
        ({"where4": "amount", "is4": "above", "value4": "30"}, {"events": DEAR}),
    ],
)  # fmt: skip
def test_the_numbers_of_each_step_are_those_of_the_api(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str], parameters: dict[str, Any]
) -> None:
    expected = of_api(server, project, **parameters)["steps"]
    assert expected[-1]["count"] > 0
    rows = csv_rows(admin, address(project, "/funnels/csv", **QUESTION | fields))
    assert [row["event"] for row in rows] == list(STEPS)
    names = {
        "came": "count", "of previous step": "step_conv_ratio", "of first step": "overall_conv_ratio",
        "median s": "median_time", "mean s": "avg_time",
        "median s from first step": "median_time_from_start", "mean s from first step": "avg_time_from_start",
    }  # fmt: skip
    for row, each in zip(rows, expected, strict=True):
        assert {name: float(row[name]) if row[name] else None for name in names} == pytest.approx(
            {name: each[own] for name, own in names.items()}
        )


@pytest.mark.parametrize(
    ("by", "whose", "on", "value"),
    [("device", "event", "device", "phone"), ("plan", "user", 'user["plan"]', "plus")],
)
def test_a_breakdown_has_the_numbers_of_each_value(
    server: Server, project: Project, shop: Shop, admin: Visit, by: str, whose: str, on: str, value: str
) -> None:
    expected, fields = of_api(server, project, on=on), {"by": by, "by_whose": whose}
    found: dict[str, list[int]] = {}
    for row in csv_rows(admin, address(project, "/funnels/csv", **QUESTION | fields)):
        found.setdefault(row[by], []).append(int(row["came"]))
    assert found == {value: [each["count"] for each in steps] for value, steps in expected.items()}
    page = shown(admin, address(project, "/funnels", **QUESTION | fields))
    assert f"By {by}" in page and value in page


@pytest.mark.parametrize("fields", [{}, {"counted": "general", "exclude": "Signed up", "after": "", "before": ""}])
def test_the_command_that_is_copied_asks_the_api_for_the_same_numbers(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str]
) -> None:
    page = shown(admin, address(project, "/funnels", **QUESTION | fields))
    [found] = answer_to_curl(server, project, page)["series"].values()
    rows = csv_rows(admin, address(project, "/funnels/csv", **QUESTION | fields))
    assert [int(row["came"]) for row in rows] == [each["all"] for each in found["count"].values()]
    assert "Order placed" in sql_shown(page).partition("-- ")[2]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"reentry": "optimized", "exclude": "Page viewed", "after": "1", "before": "2"},
        {"order": "any", "where": "device", "is": "is", "value": "phone"},
    ],
)
def test_as_many_users_are_listed_as_the_funnel_counts(
    project: Project, shop: Shop, admin: Visit, fields: dict[str, str]
) -> None:
    asked = QUESTION | fields
    came = [int(row["came"]) for row in csv_rows(admin, address(project, "/funnels/csv", **asked))]

    def listed(step: int, outcome: str) -> list[str]:
        rows = csv_rows(admin, address(project, "/funnels/people/csv", **asked, step=step, outcome=outcome))
        return [row["id"] for row in rows]

    left: list[str] = []
    for step, number in enumerate(came, 1):
        ids = listed(step, "came")
        assert len(ids) == len(set(ids)) == number
        left += listed(step, "left")
    assert sorted(left) == sorted(listed(1, "came"))
    assert came[0] > came[-1] > 0


def test_users_of_one_value_are_those_of_its_row(project: Project, shop: Shop, admin: Visit) -> None:
    asked = {**QUESTION, "by": "device"}
    for row in csv_rows(admin, address(project, "/funnels/csv", **asked)):
        of = {} if row["device"] == "$overall" else {"of": row["device"]}
        people = csv_rows(admin, address(project, "/funnels/people/csv", **asked, step=row["step"], **of))
        assert len(people) == int(row["came"])


def test_pages_of_users_hold_each_once_with_name_and_time(project: Project, shop: Shop, admin: Visit) -> None:
    asked = {**QUESTION, "step": 1}
    rows = csv_rows(admin, address(project, "/funnels/people/csv", **asked))
    pages = [shown(admin, address(project, "/funnels/people", **asked, page=page)) for page in (1, 2)]
    assert len(rows) > 50 and f'<p class="sum">{len(rows)} users' in pages[0]
    assert "Next page" in pages[0] and "Previous page" in pages[1]
    for place, row in enumerate(rows[:100]):
        assert f"id={row['id'].replace('$', '%24').replace(':', '%3A')}" in pages[place // 50], row
    assert rows == sorted(rows, key=lambda row: row["began"], reverse=True)
    assert all(row["began"].endswith("+00:00") for row in rows)
    buyers = csv_rows(admin, address(project, "/funnels/people/csv", **{**QUESTION, "step": 4}))
    for row in buyers:
        profile = shop.profiles[row["id"]]
        assert (row["name"], row["email"], row["steps"]) == (profile["$name"], profile["$email"], "4")


def next_page(page: str) -> str:
    """The address of the next page of users."""
    found = re.search(r'href="(\?[^"]*page=[0-9]+[^"]*)"[^>]*>Next page', page)
    assert found, page
    return unescape(found[1])


def listed(page: str) -> list[str]:
    return re.findall(r'/users/one\?id=([^"]*)"', page)


def test_pages_of_a_list_stay_as_they_were_until_it_is_refreshed(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    steps = [
        record(project, name, distinct_id=f"user-{number:03}", time=at("2025-03-02T10:00") + number * 1000)
        for number in range(120)
        for name in STEPS[:2]
    ]
    import_numbered(server, project, steps)
    path, asked = f"/app/projects/{project.project_id}/funnels/people", {**QUESTION, "step": "1"}
    first = shown(admin, address(project, "/funnels/people", **asked))
    late = {"distinct_id": "late", "time": at("2025-03-20T10:00")}
    import_numbered(server, project, [record(project, STEPS[0], insert_id="late", **late)])
    second = shown(admin, path + next_page(first))
    third = shown(admin, path + next_page(second))
    pages = [listed(each) for each in (first, second, third)]
    every = [each for page in pages for each in page]
    assert [len(each) for each in pages] == [50, 50, 20]
    assert every == [f"user-{number:03}" for number in reversed(range(120))]
    assert "120 users" in third and "late" not in third
    csv = csv_rows(admin, path + "/csv" + next_page(first))
    assert [row["id"] for row in csv] == every
    refreshed = shown(admin, address(project, "/funnels/people", **asked))
    assert "121 users" in refreshed and listed(refreshed)[0] == "late"
    # A list belongs to its question and its project. Another question, or a list that has gone, is answered anew.
    other = shown(admin, path + next_page(first).replace("step=1", "step=2"))
    assert "120 users" in other and len(listed(other)) == 50
    gone = re.sub("list=[^&]*", "list=1700000000-120-" + "0" * 32, next_page(first))
    assert "121 users" in shown(admin, path + gone)
    [stranger] = make_projects(1)
    foreign = shown(admin, path.replace(f"/{project.project_id}/", f"/{stranger.project_id}/") + next_page(first))
    assert "0 users" in foreign and listed(foreign) == []


def test_a_project_shows_neither_events_nor_names_of_another(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    mine, theirs = make_projects(2)
    for each, times in ((mine, ("10:00", "10:01")), (theirs, ("10:00", "10:01", "10:02"))):
        events = [
            record(each, name, distinct_id="ann", insert_id=f"{name}-{at[:2]}-{at[3:]}", time=at_(at))
            for at in times
            for name in ("view", "buy")
        ]
        import_numbered(server, each, events)
        set_profiles(server, each, {"ann": {"$name": f"Ann of {each.project_id}"}})
    import_numbered(server, theirs, [record(theirs, "view", distinct_id="bob", insert_id="b", time=at_("10:00"))])
    asked = {"event1": "view", "event2": "buy", "counted": "general", **RANGE}
    [first, _] = csv_rows(admin, address(mine, "/funnels/csv", **asked))
    assert first["came"] == "2"
    [person] = csv_rows(admin, address(mine, "/funnels/people/csv", **asked, step=1))
    assert (person["id"], person["name"]) == ("ann", f"Ann of {mine.project_id}")


def at_(clock: str) -> int:
    return at(f"2025-03-02T{clock}") // 1000


def test_a_visitor_builds_a_funnel_in_the_browser_and_finds_who_left(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows()
    window.take_cookies(session)
    window.open(address(project, "/funnels", **RANGE))
    for number, event in enumerate(STEPS[:3], 1):
        window.fill(f"Step {number}", event)
    window.press("Show")
    window.until(lambda: window.run("() => document.querySelector('img.chart')?.naturalWidth > 0"))
    window.fill("Step 4", STEPS[3])
    window.press("Show")
    window.until(lambda: window.count("tbody tr") == 4)
    window.screenshot("funnels")
    left = window.text("tbody tr:nth-child(3) td:nth-child(3) a")
    window.wait(window.find("tbody tr:nth-child(3) td:nth-child(3) a").click())
    window.until(lambda: "/funnels/people" in window.path)
    assert f"{left} users" in window.text()
    assert window.text("a[aria-current=true]:not(body > nav a)") == "Came no farther"
    window.screenshot("funnel-people")
    window.wait(window.find("tbody th a").first.click())
    window.until(lambda: "/users/one" in window.path)
    assert window.complaints == []


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_the_pages_shut_nobody_out(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop, options: dict[str, Any]
) -> None:
    window = windows(**options)
    window.take_cookies(session)
    more = {"where1": "category", "is1": "is", "value1": "books", "exclude": "Signed up", "after": "", "before": ""}
    for path, fields in (
        ("/funnels", {}),
        ("/funnels", QUESTION),
        ("/funnels", {**QUESTION, **more, "by": "device", "where": "device", "is": "set", "value": ""}),
        ("/funnels", {**QUESTION, "window": "0"}),
        ("/funnels/people", {**QUESTION, "step": 2, "outcome": "left"}),
    ):
        window.open(address(project, path, **fields))
        assert window.violations() == [], fields
        assert not window.is_wider_than_screen(), fields
    assert [each for each in window.complaints if "400" not in each] == []


def test_a_funnel_is_asked_without_scripts(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows(java_script_enabled=False)
    window.take_cookies(session)
    window.open(address(project, "/funnels", **RANGE))
    window.fill("Step 1", "Page viewed")
    window.fill("Step 2", "Signed up")
    window.press("Show")
    window.until(lambda: "event2=Signed" in window.path)
    assert window.count("img.chart") == 1
    assert window.count("tbody tr") == 2
    assert "As of" in window.text()


def test_suggestions_are_those_of_the_event_of_the_step(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, "buy", plan="pro"), record(project, "look", color="red")])
    window = windows()
    window.take_cookies(session)
    window.open(address(project, "/funnels", event1="buy", event2="look"))
    window.wait(window.find("fieldset[data-step='2'] summary").click())
    window.wait(window.find("#field-where2-11").focus())
    options = "() => [...document.getElementById('list-where2-11').options].map((each) => each.value)"
    window.until(lambda: "color" in window.run(options))
    assert "plan" not in window.run(options)
    window.wait(window.find("#field-where2-11").fill("color"))
    window.wait(window.find("#field-value2-1").focus())
    values = "() => [...document.getElementById('list-value2-1').options].map((each) => each.value)"
    window.until(lambda: window.run(values) == ["red"])
    assert window.complaints == []


def test_an_unfinished_funnel_offers_events_and_keeps_what_was_chosen(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    assert "trackway demo" in shown(admin, address(project, "/funnels"))
    import_numbered(server, project, [record(project, "buy"), record(project, "look")])
    page = shown(admin, address(project, "/funnels"))
    assert "Choose the first step." in page and "?event1=buy" in page
    page = shown(admin, address(project, "/funnels", event1="look", by="plan"))
    assert "Choose the next step." in page and "?event1=look&amp;by=plan&amp;event2=buy" in page
    assert "Nobody began this funnel" in shown(admin, address(project, "/funnels", event1="a", event2="b"))


@pytest.mark.parametrize(
    "fields",
    [{"step": ""}, {"step": "5"}, {"step": "0"}, {"step": "²"}, {"step": "1", "page": "0"}, {"step": "1", "page": "x"},
     {"step": "1", "page": "201"}, {"step": "1", "outcome": "other"}],
)  # fmt: skip
def test_a_list_of_users_that_there_is_not_is_refused(
    project: Project, shop: Shop, admin: Visit, fields: dict[str, str]
) -> None:
    assert admin.get(address(project, "/funnels/people", **QUESTION, **fields)).status == 400


def test_what_cannot_be_answered_keeps_the_form_and_says_why(project: Project, shop: Shop, admin: Visit) -> None:
    reply = admin.get(address(project, "/funnels", **QUESTION, window="99", window_unit="month"))
    assert reply.status == 400
    page = reply.body.decode()
    assert "from 2 seconds to 367 days" in page and 'value="Order placed"' in page
    assert (
        admin.get(address(project, "/funnels", **QUESTION, where="$cohorts", **{"is": "contains"}, value="1")).status
        == 400
    )
    assert admin.get(address(project, "/funnels/csv", event1="a")).status == 400


def test_texts_of_clients_stay_texts(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, HOSTILE, distinct_id=HOSTILE, **{HOSTILE: HOSTILE})])
    set_profiles(server, project, {HOSTILE: {"$name": HOSTILE}})
    window = windows()
    window.take_cookies(session)
    asked = {"event1": HOSTILE, "event2": HOSTILE, "by": HOSTILE}
    for path, fields in (
        ("/funnels", {}),
        ("/funnels", asked),
        ("/funnels/people", {**asked, "step": 1, "of": HOSTILE}),
    ):
        window.open(address(project, path, **fields))
        assert HOSTILE in window.text().replace("\n", " "), fields
    assert window.run("() => window.broken") is None
    assert window.complaints == []


def test_users_are_for_those_who_may_query_profiles(
    server: Server, project: Project, shop: Shop, make_projects: MakeProjects
) -> None:
    [other] = make_projects(1)
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    page = shown(visit, address(project, "/funnels", **QUESTION))
    assert "/funnels/people" not in page
    assert csv_rows(visit, address(project, "/funnels/csv", **QUESTION))
    for path in ("/funnels/people", "/funnels/people/csv"):
        assert visit.get(address(project, path, **QUESTION, step=1)).status == 403
    for path in ("/funnels", "/funnels/csv", "/funnels/people", "/funnels/people/csv"):
        assert visit.get(address(other, path, **QUESTION, step=1)).status == 404
