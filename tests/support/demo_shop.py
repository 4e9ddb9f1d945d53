"""The demo shop in a project of a test, always of the same days."""

from datetime import date

from tests.support.http.events import import_all
from tests.support.server import Project, Server
from trackway.commands.demo_shop import Shop, demo_shop
from trackway.domain.limits import RECORDS_PER_REQUEST_MAX

FIRST_DAY = date(2025, 3, 1)
DAYS = 30
PEOPLE = 150


def load_demo_shop(server: Server, project: Project) -> Shop:
    """Import the shop, and return it when it can be queried."""
    shop = demo_shop(1, PEOPLE, FIRST_DAY, DAYS)
    records = [
        {"event": name, "properties": {**properties, "token": project.token, "time": time_ms}}
        for time_ms, name, properties in shop.events
    ]
    for begin in range(0, len(records), RECORDS_PER_REQUEST_MAX):
        import_all(server, project, records[begin : begin + RECORDS_PER_REQUEST_MAX])
    server.wait_loaded()
    return shop
