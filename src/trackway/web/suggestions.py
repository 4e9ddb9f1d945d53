"""What the forms of reports suggest: events, their properties, and values of these, the most frequent first.

Asks by the reports of the API, about the last days.
"""

from typing import Final, Literal

from trackway.edge.api.reports.events import EVENTS_NAMES_REPORT
from trackway.edge.api.reports.profile_reports import PROFILE_PROPERTIES_REPORT
from trackway.edge.api.reports.properties import PROPERTIES_TOP_REPORT, PROPERTIES_VALUES_REPORT
from trackway.projects.project import Project
from trackway.query.reports.run import Run

Kind = Literal["events", "properties", "users", "values"]
KINDS: Final[tuple[Kind, ...]] = ("events", "properties", "users", "values")


async def suggestions(
    run: Run, project: Project, kind: Kind, *, event: str = "", property: str = "", limit: int
) -> list[str]:
    """Names of events; of properties that an event has, or any event if none is named; of properties of users; or
    values of an event's property.

    Raises StoreError, and RequestError 400 for values without a property.
    """
    asked = {"limit": str(limit)}
    if kind == "events":
        return list(await EVENTS_NAMES_REPORT.answer(run, EVENTS_NAMES_REPORT.parse(asked, project)))
    if kind == "users":
        found = await PROFILE_PROPERTIES_REPORT.answer(run, PROFILE_PROPERTIES_REPORT.parse(asked, project))
        return list(found["results"])
    asked["event"] = event
    if kind == "properties":
        return list(await PROPERTIES_TOP_REPORT.answer(run, PROPERTIES_TOP_REPORT.parse(asked, project)))
    wanted = PROPERTIES_VALUES_REPORT.parse(asked | {"name": property}, project)
    return list(await PROPERTIES_VALUES_REPORT.answer(run, wanted))
