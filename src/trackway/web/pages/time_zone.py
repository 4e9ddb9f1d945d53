"""Changes of a project's time zone and week start by its owners and admins."""

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def change(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    zone, week_start = text(page.form, "time_zone").strip(), text(page.form, "week_start")
    try:
        await changes.run(
            lambda opened: opened.projects.change_settings(number, time_zone=zone, week_start=week_start, by=by),
            page.author,
        )
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "time_zone")
