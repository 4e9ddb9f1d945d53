"""The page of event names: how many users had each event, beside how many events there were."""

import re
import time
from datetime import UTC, datetime, timedelta

from tests.conftest import MakeProjects
from tests.support.http.events import import_numbered, record
from tests.support.reports import report
from tests.support.server import Project, Server
from tests.support.web.report_page import address, shown
from tests.support.web.visitor import Visit

DAY_S = 86_400


def row(page: str, name: str) -> list[int]:
    """The numbers of events and of users in the row of a name."""
    found = re.search(rf">{name}</a></th>(.*?)</tr>", page, re.DOTALL)
    assert found, page
    return [int(number) for number in re.findall(r'class="number"[^>]*>([0-9]+)<', found[1])]


def filled(server: Server, project: Project, users: int) -> None:
    """Each user buys twice, on two days and under a device of its own at first, and looks once."""
    now = int(time.time())
    records = []
    for number in range(users):
        user, device = f"user-{number}", f"phone-{number}"
        linked = {"$user_id": user, "$device_id": device, "distinct_id": user}
        records += [
            record(project, "buy", time=now - DAY_S, **{"$device_id": device, "distinct_id": f"$device:{device}"}),
            record(project, "buy", time=now, **linked),
            record(project, "look", time=now, **linked),
        ]
    import_numbered(server, project, records)


def test_a_user_counts_once_however_many_events_and_days_and_ids(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    mine, theirs = make_projects(2)
    filled(server, mine, 3)
    filled(server, theirs, 5)
    page = shown(admin, address(mine, "/names", days=7))
    assert (row(page, "buy"), row(page, "look")) == ([6, 3], [3, 3])
    assert row(shown(admin, address(theirs, "/names", days=7)), "buy") == [10, 5]
    assert "6 events by 3 users in the last 7 days" in shown(admin, address(mine, "/names/one", name="buy", days=7))
    today = datetime.now(UTC).date()
    asked = {"event": "buy", "type": "unique", "interval": "7", "to_date": today.isoformat()}
    answer = report(server, mine, "segmentation", **asked, from_date=(today - timedelta(days=6)).isoformat())
    assert [*answer["data"]["values"]["buy"].values()] == [3]


def test_an_event_without_users_in_these_days_has_none(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, "old", time=int(time.time()) - 20 * DAY_S)])
    assert "No event of this name in the last 7 days" in shown(
        admin, address(project, "/names/one", name="old", days=7)
    )
    import_numbered(server, project, [record(project, "nobody's", distinct_id="", insert_id="n")])
    assert row(shown(admin, address(project, "/names", days=7)), "nobody&#39;s") == [1, 0]
