"""The page of retention: its numbers are those of the API, with a browser and without one."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.events import import_numbered, record
from tests.support.reports import at, report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.report_page import address, answer_to_curl, csv_rows, shown, sql_shown
from tests.support.web.saved import annotate, below, new_dashboard, number_of
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.commands.demo_shop import Shop

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
DATES = {"from_date": "2025-03-01", "to_date": "2025-03-30"}
QUESTION = {"event1": "Signed up", "event2": "Product viewed", "periods": "5", **RANGE}
HOSTILE = "<img src=x onerror=broken=1>"


@pytest.fixture(scope="module")
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, project: Project) -> Shop:
    return load_demo_shop(server, project)


def counts(rows: list[dict[str, str]]) -> dict[str, list[int]]:
    """By the day of a row how many began, and how many came back by period."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if row["began"] != "mean":
            found.setdefault(row["began"][:10], [int(row["users"])]).append(int(row["came back"]))
    return found


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({}, {"born_event": "Signed up", "event": "Product viewed"}),
        ({"event2": ""}, {"born_event": "Signed up"}),
        ({"window": "calendar", "unit": "week"},
         {"born_event": "Signed up", "event": "Product viewed", "unit": "week", "retention_window": "calendar"}),
        ({"kind": "compounded", "event1": "Order placed"}, {"retention_type": "compounded", "event": "Order placed"}),
        ({"kind": "compounded", "event1": "Product viewed", "where1": "category", "is1": "is", "value1": "books",
          "where": "device", "is": "is not", "value": "phone"},
         {"retention_type": "compounded", "event": "Product viewed",
          "where": 'properties["category"] == "books" and not properties["device"] == "phone"'}),
        ({"returns": "from"}, {"born_event": "Signed up", "event": "Product viewed", "unbounded_retention": "true"}),
        ({"where1": "plan", "is1": "is", "value1": "free", "where2": "category", "is2": "is", "value2": "books"},
         {"born_event": "Signed up", "born_where": 'properties["plan"] == "free"', "event": "Product viewed",
          "where": 'properties["category"] == "books"'}),
        ({"where": "device", "is": "is", "value": "phone"},
         {"born_event": "Signed up", "born_where": 'properties["device"] == "phone"', "event": "Product viewed",
          "where": 'properties["device"] == "phone"'}),
    ],
)  # fmt: skip
def test_the_numbers_of_each_row_are_those_of_the_api(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str], parameters: dict[str, str]
) -> None:
    answer = report(server, project, "retention", **DATES, interval_count="5", **parameters)
    found = counts(csv_rows(admin, address(project, "/retention/csv", **QUESTION | fields)))
    assert found == {day: [row["first"], *row["counts"]] for day, row in answer.items()}
    assert any(number for row in found.values() for number in row[1:])


def test_a_breakdown_has_the_means_of_each_value(server: Server, project: Project, shop: Shop, admin: Visit) -> None:
    asked = {**QUESTION, "by": "category"}
    page = shown(admin, address(project, "/retention", **asked))
    [series] = answer_to_curl(server, project, page)["series"].values()
    rows = csv_rows(admin, address(project, "/retention/csv", **asked))
    for value, found in series.items():
        means = [row for row in rows if row["began"] == "mean" and row["category"] == value]
        assert [float(row["part"]) for row in means] == pytest.approx(found["$average"]["rates"])
    assert {"books", "clothes", "home"} <= series.keys()
    assert "By category" in page


@pytest.mark.parametrize("fields", [{}, {"kind": "compounded", "window": "calendar", "returns": "from"}])
def test_the_command_that_is_copied_asks_the_api_for_the_same_numbers(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str]
) -> None:
    page = shown(admin, address(project, "/retention", **QUESTION | fields))
    [series] = answer_to_curl(server, project, page)["series"].values()
    found = counts(csv_rows(admin, address(project, "/retention/csv", **QUESTION | fields)))
    del series["$average"]
    assert found == {time[:10]: [row["first"], *row["counts"]] for time, row in series.items()}
    assert "Signed up" in sql_shown(page).partition("-- ")[2]


def test_the_events_of_another_project_are_no_returns(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    mine, theirs = make_projects(2)
    begin_s, later_s = at("2025-03-02T10:00") // 1000, at("2025-03-03T12:00") // 1000
    import_numbered(server, mine, [record(mine, "join", distinct_id="ann", time=begin_s)])
    import_numbered(
        server,
        theirs,
        [
            record(theirs, "join", distinct_id="ann", time=begin_s),
            record(theirs, "join", distinct_id="ann", time=later_s),
        ],
    )
    asked = {"event1": "join", "periods": "2", **RANGE}
    assert counts(csv_rows(admin, address(mine, "/retention/csv", **asked)))["2025-03-02"] == [1, 0, 0, 0]
    assert counts(csv_rows(admin, address(theirs, "/retention/csv", **asked)))["2025-03-02"] == [1, 0, 1, 0]


def test_a_visitor_asks_in_the_browser(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows()
    window.take_cookies(session)
    window.open(address(project, "/retention", **RANGE))
    window.fill("Users begin with", "Signed up")
    window.choose("By", "week")
    window.press("Show")
    window.until(lambda: window.run("() => document.querySelector('img.chart')?.naturalWidth > 0"))
    assert "Signed up, then any event" in window.text()
    assert window.count(".grid tbody tr") == 6
    assert window.texts(".grid thead th")[2:4] == ["Week 0", "Week 1"]
    window.screenshot("retention")
    assert window.complaints == []


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_the_page_shuts_nobody_out(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop, options: dict[str, Any]
) -> None:
    window = windows(**options)
    window.take_cookies(session)
    more = {"where2": "category", "is2": "is", "value2": "books", "by": "device", "kind": "compounded"}
    for fields in ({}, QUESTION, {**QUESTION, **more}, {**QUESTION, "periods": "0"}):
        window.open(address(project, "/retention", **fields))
        assert window.violations() == [], fields
        assert not window.is_wider_than_screen(), fields
    assert [each for each in window.complaints if "400" not in each] == []


def test_every_shade_can_be_read(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    """Ten rows of ten users each, of whom one more comes back in each row."""
    [project] = make_projects(1)
    day = 86_400
    begin_s = at("2025-03-02T10:00") // 1000
    records = []
    for row in range(11):
        for user in range(10):
            who, came_s = f"user-{row}-{user}", begin_s + row * day
            records.append(record(project, "join", distinct_id=who, time=came_s))
            records += [record(project, "use", distinct_id=who, time=came_s + day + 60)] * (user < row)
    import_numbered(server, project, records)
    for scheme in ("light", "dark"):
        window = windows(color_scheme=scheme)
        window.take_cookies(session)
        window.open(address(project, "/retention", event1="join", event2="use", periods="1", **RANGE))
        assert {f"heat-{shade}" for shade in range(11)} <= set(
            window.run("() => [...document.querySelectorAll('.heat')].map((each) => each.classList[1])")
        )
        assert window.violations() == []


def test_a_question_is_asked_without_scripts(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows(java_script_enabled=False)
    window.take_cookies(session)
    window.open(address(project, "/retention", **RANGE))
    window.fill("Users begin with", "Signed up")
    window.press("Show")
    window.until(lambda: "event1=Signed" in window.path)
    assert window.count("img.chart") == 1
    assert window.count(".grid tbody tr") == 31


def test_an_empty_form_offers_events_and_what_cannot_be_answered_says_why(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    assert "trackway demo" in shown(admin, address(project, "/retention"))
    import_numbered(server, project, [record(project, "buy")])
    page = shown(admin, address(project, "/retention", unit="week"))
    assert "Choose the event that users begin with." in page and "?unit=week&amp;event1=buy" in page
    assert "Nobody began in this range." in shown(admin, address(project, "/retention", event1="other"))
    reply = admin.get(address(project, "/retention", event1="buy", periods="99"))
    assert reply.status == 400 and "The number of periods must be at most 31" in reply.body.decode()
    assert admin.get(address(project, "/retention/csv")).status == 400


def test_texts_of_clients_stay_texts(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, HOSTILE, **{HOSTILE: HOSTILE}) for _ in range(2)])
    window = windows()
    window.take_cookies(session)
    for fields in ({}, {"event1": HOSTILE, "event2": HOSTILE, "by": HOSTILE}):
        window.open(address(project, "/retention", **fields))
        assert HOSTILE in window.text().replace("\n", " "), fields
    assert window.run("() => window.broken") is None
    assert window.complaints == []


def test_the_page_is_for_those_who_may_run_reports_of_the_project(
    server: Server, project: Project, shop: Shop, make_projects: MakeProjects
) -> None:
    [other] = make_projects(1)
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    assert csv_rows(visit, address(project, "/retention/csv", **QUESTION))
    for path in ("", "/csv"):
        assert visit.get(address(other, f"/retention{path}", **QUESTION)).status == 404


def test_births_without_returns_are_shown_with_no_part_on_the_page_and_on_a_card(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    times = ("2025-03-03T10:00", "2025-03-04T10:00", "2025-03-04T11:00")
    born = [record(project, "join", distinct_id=f"user-{number}", time=at(text)) for number, text in enumerate(times)]
    import_numbered(server, project, born)
    asked = {"event1": "join", "event2": "come back", "periods": "2", **RANGE}
    page = shown(admin, address(project, "/retention", **asked))
    assert "Nobody began" not in page and "0.0\u202f%" in page
    fields = {"type": "retention", "name": "Nobody back", "question": urlencode(asked)}
    number = number_of(admin.post(below(project, "/reports/save"), fields))
    board = new_dashboard(admin, project, "Back", number)
    for path in (f"/dashboards/{board}/cards/{number}", f"/reports/{number}?view=result"):
        card = admin.get(below(project, path)).body.decode()
        assert "3 began" in card and "0 (0.0\u202f%)" in card and 'class="chart"' in card
        assert "No events match" not in card
    none = urlencode({**asked, "event1": "never"})
    number = number_of(admin.post(below(project, "/reports/save"), fields | {"question": none}))
    board = new_dashboard(admin, project, "Never", number)
    assert "No events match" in admin.get(below(project, f"/dashboards/{board}/cards/{number}")).body.decode()


def test_annotations_are_at_the_rows_of_their_days(
    server: Server, project: Project, shop: Shop, windows: OpenWindow, session: dict[str, str]
) -> None:
    annotate(server, project, "2025-03-10 12:00:00", HOSTILE)
    annotate(server, project, "2025-04-10 12:00:00", "after the range")
    window = windows()
    window.take_cookies(session)
    window.open(address(project, "/retention", **QUESTION))
    assert f"2025-03-10 12:00:00 {HOSTILE}" in window.text(".notes") and "after the range" not in window.text()
    heads = [" ".join(head.split()) for head in window.texts(".grid tbody th")]
    assert [head for head in heads if "annotation" in head] == ["10 Mar 2025 annotation (1)"]
    assert window.violations() == [] and window.complaints == []
    window.wait(window.page.get_by_text("Annotate a day", exact=True).click())
    window.fill("Day", "2025-03-12")
    window.fill("What happened", "Version 3")
    window.press("Annotate")
    window.until(lambda: "Version 3" in window.text(".notes"))
    assert window.path.partition("?")[0].endswith("/retention")
    reader = new_account(server, {project.project_id: "consumer"})
    page = shown(signed_in(server, reader.username, reader.secret), address(project, "/retention", **QUESTION))
    assert "Version 3" in page and "Annotate a day" not in page
