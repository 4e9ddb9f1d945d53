"""The properties of a project that are mapped to lookup tables, for a page whose query string may name a column."""

from trackway.edge.access.change_queue import Changes
from trackway.edge.api.mapped_columns import mapped_of, may_name_columns
from trackway.query.mapped_tables import Mapped
from trackway.web.page import Page


async def mapped_for(page: Page, changes: Changes) -> tuple[Mapped, ...]:
    """Those of the project; none where the query string names no column. Raises RequestError 503."""
    return await every_mapped(page, changes) if may_name_columns(page.request.query_params) else ()


async def every_mapped(page: Page, changes: Changes) -> tuple[Mapped, ...]:
    """All of the project. Raises RequestError 503."""
    number = page.project.project_id
    return await changes.run(lambda opened: mapped_of(opened.saved, number), page.author)
