"""Pages show the times, days and charts of a project in its time zone, which may change at any time."""

import json
import re
from base64 import b64decode
from datetime import UTC, date, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server
from tests.support.service_accounts import everywhere, new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.event_stream import open_stream
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow

ZONE = "Pacific/Pago_Pago"
"""Eleven hours behind UTC: 23:30 there is 10:30 of the next day in UTC."""
PAGES = ("/events", "/names", "/names/one?name=Late", "/names/properties?name=Late", "/trends?event=Late",
         "/funnels?event1=Late&event2=Early", "/funnels/people?event1=Late&event2=Early&step=1",
         "/retention?event1=Late", "/flows?event1=Late",
         "/users", "/users/one?id=ann",
         "/groups", "/groups/one?key=company&id=acme", "/health", "/health?span=day", "/rejected", "/checklist",
         "/settings", "/audit")  # fmt: skip


def below(project: Project, path: str) -> str:
    return f"/app/projects/{project.project_id}{path}"


def page(visit: Visit, project: Project, path: str) -> str:
    reply = visit.get(below(project, path))
    assert reply.status == 200, reply
    return unescape(reply.body.decode())


def texts(page: str, pattern: str) -> list[str]:
    """What a pattern's one group finds in a page without its tags."""
    return re.findall(pattern, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def pictures(page: str) -> list[str]:
    """What the charts of a page say of themselves."""
    found = [b64decode(each).decode() for each in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    return [re.search("<desc>(.*?)</desc>", each)[1] for each in found]  # type: ignore[index]


def move(server: Server, project: Project, zone: str) -> None:
    """To another zone, which every edge process knows at return."""
    server.projects.change_settings(project.project_id, time_zone=zone)
    visit = signed_in(server, *new_account(server, {project.project_id: "consumer"})[1:])
    assert everywhere(lambda: f">{zone}</a>" in page(visit, project, "/checklist"))


def short(day: date) -> str:
    return f"{day.day} {day:%b}"


@pytest.fixture
def local_day() -> date:
    """Of the zone, two days ago: no event of it is of the future."""
    return datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=2)


@pytest.fixture
def fed(server: Server, project: Project, local_day: date) -> Project:
    """An event half an hour before a midnight of the zone and one after it, both on one day of UTC; a profile; and a
    record that is refused."""
    move(server, project, ZONE)
    midnight = datetime(*(local_day + timedelta(days=1)).timetuple()[:3], tzinfo=ZoneInfo(ZONE))
    events = [
        record(project, name, distinct_id="ann", company="acme", insert_id=name,
               time=int((midnight + timedelta(minutes=minutes)).timestamp()))
        for name, minutes in (("Late", -30), ("Early", 30))
    ]  # fmt: skip
    import_all(server, project, events)
    for path, body in (
        ("/engage", {"$token": project.token, "$distinct_id": "ann", "$set": {"plan": "pro"}}),
        ("/groups", {"$token": project.token, "$group_key": "company", "$group_id": "acme", "$set": {"plan": "pro"}}),
        ("/track", record(project, "refused", distinct_id=None)),
    ):
        server.ask(Request("POST", path, (JSON,), json.dumps(body).encode()))
    server.wait_loaded()
    return project


def test_an_event_of_the_late_evening_is_of_that_day_in_lists_charts_and_tables(
    server: Server, fed: Project, admin: Visit, local_day: date
) -> None:
    next_day = local_day + timedelta(days=1)
    events = page(admin, fed, "/events")
    assert f"{local_day} 23:30:00" in events and f"{next_day} 00:30:00" in events
    for path in ("/names?days=7", "/users/one?id=ann", "/groups/one?key=company&id=acme"):
        found = page(admin, fed, path)
        assert texts(found, rf"({local_day}) (?:1 0|0 1|Late 1) ") == [str(local_day)], path
        assert texts(found, rf"({next_day}) (?:1 0|0 1|Early 1) ") == [str(next_day)], path
        today = datetime.now(ZoneInfo(ZONE)).date()
        [said] = pictures(found)
        assert f" to {short(today)}. " in said or f" to {short(today - timedelta(days=1))}. " in said, said
    one = page(admin, fed, "/names/one?name=Late&days=7")
    assert texts(one, rf"({local_day}) 1 ") == [str(local_day)]
    assert "First seen <time" in one and f"{local_day} 23:30:00" in one


def test_reports_count_days_of_the_zone(server: Server, fed: Project, admin: Visit, local_day: date) -> None:
    def came(first: date, last: date) -> list[int]:
        custom = f"range=custom&from={first}&to={last}"
        reply = admin.get(below(fed, f"/funnels/csv?event1=Late&event2=Early&{custom}"))
        return [int(line.split(",")[2]) for line in reply.body.decode().splitlines()[1:]]

    next_day = local_day + timedelta(days=1)
    assert came(local_day, local_day) == [1, 1]
    assert came(next_day, next_day) == [0, 0]
    of_the_day = f"range=custom&from={local_day}&to={local_day}"
    people = page(admin, fed, f"/funnels/people?event1=Late&event2=Early&step=2&{of_the_day}")
    assert f"{local_day} 23:30:00" in people and f"{next_day} 00:30:00" in people
    rows = (
        admin.get(below(fed, f"/retention/csv?event1=Late&window=calendar&periods=1&{of_the_day}"))
        .body.decode()
        .splitlines()
    )
    assert [line[:10] for line in rows[1:3]] == [str(local_day)] * 2
    assert [line.split(",")[1:4] for line in rows[1:3]] == [["1", "0", "0"], ["1", "1", "1"]]
    assert rows[1].startswith(f"{local_day}T00:00:00-11:00,")


def test_the_filter_of_events_is_in_the_zone(server: Server, fed: Project, admin: Visit, local_day: date) -> None:
    def shown(begin: str, end: str) -> list[str]:
        found = page(admin, fed, f"/events?begin={begin}&end={end}")
        return re.findall(r'<span class="name">([^<]*)</span>\s*<span class="who', found)

    next_day = local_day + timedelta(days=1)
    assert shown(f"{local_day}T00:00", f"{next_day}T00:00") == ["Late"]
    assert shown(f"{next_day}T00:00", f"{next_day}T01:00") == ["Early"]
    assert shown(f"{local_day}T23:30", f"{local_day}T23:31") == ["Late"]


def test_another_zone_counts_at_once_and_changes_nothing_that_is_stored(
    server: Server, fed: Project, admin: Visit, local_day: date
) -> None:
    before = server.export(fed)
    move(server, fed, "UTC")
    next_day = local_day + timedelta(days=1)
    events = page(admin, fed, "/events")
    assert f"{next_day} 10:30:00" in events and f"{next_day} 11:30:00" in events
    assert texts(page(admin, fed, "/names?days=7"), rf"({next_day}) 1 1 ") == [str(next_day)]
    move(server, fed, "Pacific/Kiritimati")
    assert f"{next_day + timedelta(days=1)} 00:30:00" in page(admin, fed, "/events")
    assert server.export(fed) == before, "exports stay in UTC"
    assert [each["properties"]["time"] % 1800 for each in before] == [0, 0]


def test_each_page_names_the_zone_once_and_no_other(fed: Project, admin: Visit) -> None:
    for path in PAGES:
        found = re.sub("<datalist.*</datalist>", "", page(admin, fed, path), flags=re.DOTALL)
        found = re.sub("<input[^>]*>", "", found)
        assert found.count("Times in") == 1, path
        if path not in ("/settings", "/audit"):  # which are about the zone
            assert found.count(ZONE) == 1, path
        assert not re.search(r"\d UTC|\(UTC\)", re.sub(r"<pre.*?</pre>", "", found, flags=re.DOTALL)), path


def test_times_of_other_pages_are_in_the_zone(server: Server, fed: Project, admin: Visit) -> None:
    """All of them are of now, which is another hour than that of UTC."""
    now = [f"{datetime.now(ZoneInfo(ZONE)) - timedelta(minutes=ago):%Y-%m-%d %H:}" for ago in (0, 30)]
    for path in ("/health", "/rejected", "/settings", "/audit"):
        shown = re.findall(r"<time[^>]*>([^<]*)</time>", page(admin, fed, path))
        assert shown and any(each.startswith(tuple(now)) for each in shown), (path, shown, now)
    labels = pictures(page(admin, fed, "/health"))
    ends = [f"to {datetime.now(ZoneInfo(ZONE)) - timedelta(minutes=ago):%H:%M}. " for ago in range(3)]
    assert labels and all(any(end in each for end in ends) for each in labels), (labels, ends)


def test_live_events_come_in_the_zone(server: Server, fed: Project, admin: Visit) -> None:
    found = page(admin, fed, "/events")
    [address] = re.findall(r'data-stream="([^"]*)"', found)
    with open_stream(admin, address.removeprefix(server.prefix)) as stream:
        moment = datetime.now(UTC) - timedelta(days=3)
        import_all(server, fed, [record(fed, "Live", time=int(moment.timestamp()), insert_id="live")])
        message = stream.message()
    assert f"{moment.astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M:%S}" in str(message)


def test_owner_changes_the_zone_on_the_settings_page(server: Server, project: Project, windows: OpenWindow) -> None:
    account = new_account(server, {project.project_id: "admin"})
    window = windows()
    window.sign_in(account.username, account.secret)
    window.open(below(project, "/settings"))
    assert window.text(".zone") == "Times in UTC"
    window.fill("Time zone", "Asia/Kathmandu")
    window.choose("Weeks begin on", "sunday")
    window.press("Change the time zone")
    window.until(lambda: "The time zone and the start of weeks were changed" in window.text())
    assert window.text(".zone") == "Times in Asia/Kathmandu"
    assert "weeks begin on Sunday" in window.text()
    found = server.projects.named(str(project.project_id))
    assert (found.time_zone, found.week_start) == ("Asia/Kathmandu", "sunday")
    noted = [(each.name, each.action, each.subject) for each in server.projects.audit(9, None, project.project_id)]
    assert (account.username, "time zone changed", "Asia/Kathmandu") in noted
    window.fill("Time zone", "Europe/Berln")
    window.press("Change the time zone")
    window.until(lambda: "did you mean Europe/Berlin?" in window.text())
    assert [each for each in window.complaints if "400" not in each] == []


def test_account_expires_at_the_start_of_a_day_of_the_zone(server: Server, fed: Project, admin: Visit) -> None:
    made = admin.post(
        below(fed, "/settings/accounts/create"), {"name": "a", "role": "consumer", "expires": "2090-05-01"}
    )
    assert made.status == 200
    assert "2090-05-01 00:00:00" in made.body.decode()


def test_page_fits_a_phone_in_the_zone_of_the_longest_name(
    server: Server, project: Project, session: dict[str, str], windows: OpenWindow
) -> None:
    move(server, project, "America/Argentina/ComodRivadavia")
    window = windows(viewport=PHONE)
    window.take_cookies(session)
    for path in ("/events", "/settings"):
        window.open(below(project, path))
        assert not window.is_wider_than_screen(), path
        assert window.violations() == []
