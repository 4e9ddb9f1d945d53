"""The Lookup tables page: the tables of a project, and the properties that are mapped to them.

Tables are made and replaced over the API or by command. This page maps properties to them, and ends mappings.
"""

import uuid
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.saved.lookup_mappings import map_property
from trackway.lookup.versions import LookupTable, LookupTables
from trackway.projects.roles import Right
from trackway.projects.saved import Creator, LookupMapping
from trackway.query.sql.lookups import ARROW
from trackway.web.forms import text
from trackway.web.limits import WEB_ROWS_MAX
from trackway.web.page import Page, render

PATH: Final = "/lookup-tables"
_DONE: Final = {"mapped": "The property is mapped.", "unmapped": "The property is mapped no longer."}
_RESOURCES: Final = (("event", "Events"), ("user", "Users"))


class Shown(NamedTuple):
    """A mapping as the page shows it. `table` is None for a table that was deleted. `names`: those of its columns as
    properties."""

    mapping: LookupMapping
    table: LookupTable | None
    names: list[str]


async def show(page: Page, *, changes: Changes) -> Response:
    return await _draw(page, changes, done=_DONE.get(page.request.query_params.get("done", ""), ""))


async def map_one(page: Page, *, changes: Changes) -> Response:
    """The form that maps a property."""
    property, of_user, number = text(page.form, "property"), text(page.form, "resource") == "user", _project(page)
    try:
        table = next((each for each in await _tables(page) if str(each.table_id) == text(page.form, "table")), None)
        if table is None:
            raise RequestError(404, "the project has no such table")
        table_id, creator = table.table_id, Creator(page.visitor.account_id, page.visitor.name)
        await changes.run(
            lambda opened: map_property(opened.saved, number, property, of_user, table_id, creator), page.author
        )
    except RequestError as error:
        return await _draw(page, changes, status=error.status, problem=error.message)
    return RedirectResponse(page.url(PATH, done="mapped"), 303)


async def unmap_one(page: Page, *, changes: Changes) -> Response:
    """The form that ends a mapping."""
    given, number = text(page.form, "mapping"), _project(page)
    try:
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise RequestError(400, "mapping must be an id")
        await changes.run(lambda opened: opened.saved.delete(LookupMapping, number, int(given)), page.author)
    except RequestError as error:
        return await _draw(page, changes, status=error.status, problem=error.message)
    return RedirectResponse(page.url(PATH, done="unmapped"), 303)


async def _draw(page: Page, changes: Changes, *, status: int = 200, done: str = "", problem: str = "") -> Response:
    number = _project(page)
    mappings = await changes.run(lambda opened: opened.saved.all(LookupMapping, number), page.author)
    tables = await _tables(page)
    by_id = {each.table_id: each for each in tables}
    return render(
        page,
        "lookup_tables.html",
        status=status,
        done=done,
        problem=problem,
        tables=tables[:WEB_ROWS_MAX],
        table_count=len(tables),
        mappings=[_shown(each, by_id.get(uuid.UUID(each.table_id))) for each in mappings],
        choices=[(str(each.table_id), each.name) for each in tables],
        resources=_RESOURCES,
        may_change=page.may(Right.REPLACE_TABLES),
    )


async def _tables(page: Page) -> list[LookupTable]:
    return await LookupTables(page.reader).all(_project(page))


def _project(page: Page) -> int:
    return page.project.project_id


def _shown(mapping: LookupMapping, table: LookupTable | None) -> Shown:
    columns = [] if table is None else table.columns
    return Shown(mapping, table, [f"{mapping.property}{ARROW}{name}" for name in columns])
