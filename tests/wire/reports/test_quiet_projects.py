"""Where nothing has changed for a while, a report begins before it looks at the store, and is never out of date."""

import time

from tests.support.http.events import import_all, record
from tests.support.reports import report, values, wait_for_facts
from tests.support.server import Server
from trackway.query.limits import PARTS_STILL_S

DAY = {"from_date": "2025-03-01", "to_date": "2025-03-01"}


def test_an_event_that_was_loaded_after_a_rest_is_in_the_next_report(server: Server) -> None:
    """With facts, and with other events of the same second that come one by one."""
    project = server.create_project()
    sent = 0

    def add() -> None:
        nonlocal sent
        sent += 1
        import_all(server, project, [record(project, "a", time=1_740_800_000, insert_id=f"id-{sent}", distinct_id="p")])
        server.wait_loaded()

    def counted() -> float:
        [number] = values(report(server, project, "segmentation", event="a", **DAY))["a"]
        return float(number)

    add()
    wait_for_facts(server, project)
    for _ in range(3):
        assert counted() == sent
        time.sleep(PARTS_STILL_S + 0.2)
        assert counted() == sent
        add()
        assert counted() == sent
        add()
        assert counted() == sent
