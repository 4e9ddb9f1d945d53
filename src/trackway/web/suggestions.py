"""What the forms of reports suggest: events, their properties, and values of these, the most frequent first.

Asks by the reports of the API, about the last days.
"""

from collections.abc import Sequence
from typing import Final, Literal

from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.events import EVENTS_NAMES_REPORT
from trackway.edge.api.reports.profile_reports import PROFILE_PROPERTIES_REPORT
from trackway.edge.api.reports.properties import PROPERTIES_TOP_REPORT, PROPERTIES_VALUES_REPORT
from trackway.projects.project import Project
from trackway.query.mapped_tables import lookups_of
from trackway.query.reports.run import Run
from trackway.query.sql.lookups import ARROW, MappedTable
from trackway.web.mapped_properties import every_mapped
from trackway.web.page import Page

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


async def columns_offered(page: Page, changes: Changes, kind: Kind, names: Sequence[str], limit: int) -> list[str]:
    """The same names of properties, each followed by the columns of the lookup table that it is mapped to.

    Raises StoreError, RequestError 503.
    """
    if kind not in ("properties", "users"):
        return list(names)
    lookups = await lookups_of(page.reader, page.project.project_id, await every_mapped(page, changes))
    return with_columns(names, lookups.users if kind == "users" else lookups.events, limit)


def with_columns(names: Sequence[str], tables: Sequence[MappedTable], limit: int) -> list[str]:
    """Names of properties, each followed by the columns of its tables; at most so many."""
    found: list[str] = []
    for name in names:
        found.append(name)
        columns = (f"{name}{ARROW}{column}" for each in tables if each.property == name for column in each.columns)
        found += dict.fromkeys(columns)
        if len(found) >= limit:
            break
    return found[:limit]
